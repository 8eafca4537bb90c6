"""Claim: copies of real clips are found as near-duplicates, other clips are not (components/filter/search.py).

python benchmarks/near_duplicates.py ../shared/media [rendered clips, 1000] [real files, all]

Copies: encoded again, halved, cut by 5 % in the middle, at a corner and on all sides, brighter and darker by a fifth.
True negatives: rendered clips, and spans of the real videos that are others than each copy's own; but not spans whose
pixels say that they show the same, which is so of a film that is there in two files, and where nothing moves.
"""

import sys
from itertools import islice
from pathlib import Path

import numpy as np
import recording

from components.common import params
from components.corpus import ops as corpus_ops
from components.corpus import plan
from components.corpus.config import Config
from components.filter import duplicates, search
from components.media import pixels, video
from components.media.arrays import Pixels
from components.media.errors import Unreadable

FPS, FRAMES, DISTANCE = 8, 17, 0.057
SAME_LEVELS = 3  # mean difference of pixels, of 255: encoding takes as much; the next pairs are 5 apart


def encoded(clip: Pixels, crf: int = 23) -> Pixels:
    height, width = (side // 2 * 2 for side in clip.shape[1:3])
    return video.decode(video.encode_mp4(clip[:, :height, :width], fps=FPS, crf=crf), fps=FPS, frames=FRAMES)


def copies(clip: Pixels) -> dict[str, Pixels]:
    """Name of a change -> the changed clip."""
    height, width = clip.shape[1:3]
    down, right = round(height * 0.05), round(width * 0.05)
    lit = {name: np.clip(clip * gain, 0, 255).astype(np.uint8) for name, gain in (("brighter", 1.2), ("darker", 0.8))}
    return {
        "encoded again": encoded(clip, 30),
        "halved": encoded(pixels.crop_and_resize(clip, height // 4 * 2, width // 4 * 2)),
        "cut in the middle": encoded(clip[:, down // 2 : height - down // 2, right // 2 : width - right // 2]),
        "cut at a corner": encoded(clip[:, down:, right:]),
        "cut on all sides": encoded(clip[:, down : height - down, right : width - right]),
        **{name: encoded(each) for name, each in lit.items()},
    }


def spans(path: Path) -> list[Pixels]:
    """The first three spans of a video, as small as ingest keeps them."""
    try:
        frames = [
            pixels.crop_and_resize(picture[None], 128, 128)[0]
            for _, picture in islice(video.read(path, fps=FPS), 3 * FRAMES)
        ]
    except Unreadable:
        return []
    return [np.stack(frames[start : start + FRAMES]) for start in range(0, len(frames) - FRAMES + 1, FRAMES)]


def rendered(count: int) -> list[Pixels]:
    """Clips of the corpus of params.yaml, before they are encoded."""
    config: Config = params.build("corpus", "corpus", params.read())
    moving = [item for item in plan.items(config) if item.motion and not item.portrait][:count]
    instants = np.linspace(0, 1, FRAMES, dtype=np.float32)
    return [corpus_ops.frames(item, corpus_ops.track(item, 1.0, instants), 128, 128) for item in moving]


def main(media: Path, count: int, files: int) -> None:
    real = [span for path in sorted((media / "videos").iterdir())[:files] for span in spans(path)]
    changed = [copies(span) for span in real]
    labels = [(place, "") for place in range(len(real))]
    labels += [(place, name) for place, each in enumerate(changed) for name in each]
    clips = [*real, *(each for one in changed for each in one.values()), *rendered(count)]
    labels += [(place, "") for place in range(len(real), len(real) + len(clips) - len(labels))]
    prints = np.stack([duplicates.fingerprint(clip) for clip in clips])
    found = search.near_duplicates(prints, ["video"] * len(clips), DISTANCE)
    compared = sum(map(len, search.candidates(prints, np.zeros(len(clips), np.int64))))
    hits = {(labels[j] if labels[j][1] else labels[i]) for i, j in found if labels[i][0] == labels[j][0]}
    others = [(i, j) for i, j in found if labels[i][0] != labels[j][0] and "" == labels[i][1] == labels[j][1]]
    wrong = sum(np.abs(clips[i].astype(np.int16) - clips[j]).mean() >= SAME_LEVELS for i, j in others)
    right = sum((place, name) in hits for place, name in labels if name)
    total = len(clips) - len(real) - count
    print(
        f"{len(real)} real spans, {total} copies, {count} rendered clips; {duplicates.FINGERPRINT_BYTES} bytes a clip"
    )
    print(f"recall {right / total:.3f}, precision {right / max(right + wrong, 1):.4f} ({wrong} pairs of other clips)")
    recording.record(f"recall of copies of {len(real)} real spans", right / total)
    claim = f"precision among {count:,} rendered clips and other spans"
    recording.record(claim, right / max(right + wrong, 1))
    print(f"{len(others) - wrong} pairs of other spans show the same, and count neither way")
    for name in changed[0]:
        print(f"  {name}: {sum((place, name) in hits for place in range(len(real))) / len(real):.3f}")
    share = compared / (len(clips) * (len(clips) - 1) / 2)
    print(f"compared {share:.4f} of all pairs")
    recording.record("pairs that are compared", 100 * share, "% of all")


if __name__ == "__main__":
    recording.begin()
    given = [int(each) for each in sys.argv[2:]]
    main(Path(sys.argv[1]), *[*given, *(1000, 1000)[len(given) :]])
