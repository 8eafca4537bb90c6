"""Which clips are copies of others, and on which side of the split they belong. Pure.

Near-duplicates are clips whose thumbnails at three instants all but agree: copies that were scaled or encoded again,
but not the same object in another motion. All clips of a source, and of sources that share a duplicate, stand on one
side of the split.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from components.ingest.data import Clip
from components.media import pixels

Pixels = npt.NDArray[np.uint8]
THUMBNAIL_PX = 8
FINGERPRINT_SHAPE = (3, THUMBNAIL_PX, THUMBNAIL_PX, 3)  # FHWC
HASH_DIGITS = 8


def fingerprint(frames_THWC: Pixels) -> Pixels:
    """Thumbnails (3, 8, 8, 3) of the first, the middle and the last frame; a picture stands for all three."""
    instants = (0, len(frames_THWC) // 2, len(frames_THWC) - 1)
    return np.stack([pixels.resize(frames_THWC[instant], THUMBNAIL_PX, THUMBNAIL_PX) for instant in instants])


def near_duplicates(fingerprints_NFHWC: Pixels, kinds: Sequence[str], distance: float) -> list[tuple[int, int]]:
    """All pairs (i < j) of one kind whose fingerprints differ by less than `distance` of the full scale on average.

    Means that far apart cannot belong to such a pair, so only neighbours in the order of means are compared.
    """
    if not len(kinds):
        return []
    flat = fingerprints_NFHWC.reshape(len(kinds), -1).astype(np.float32) / 255
    means = flat.mean(axis=1, dtype=np.float64)
    order = np.lexsort((means,))
    ends = np.searchsorted(means[order], means[order] + distance, side="right")
    pairs = []
    for place, end in enumerate(ends):
        index, others = int(order[place]), order[place + 1 : end]
        near = others[np.abs(flat[others] - flat[index]).mean(axis=1) < distance]
        pairs += [(min(index, int(j)), max(index, int(j))) for j in near if kinds[int(j)] == kinds[index]]
    return sorted(pairs)


def redundant(clips: Sequence[Clip], pairs: Iterable[tuple[int, int]], known: int = 0) -> dict[int, int]:
    """Clip to drop -> the near-duplicate that is kept for it. The first `known` clips were kept before and stay.

    Held-out clips are kept before others, then captioned ones, longer ones, larger ones, and those of lower id.
    """
    ranks = [
        (place >= known, c.split != "heldout", c.caption == "", -c.frames, -c.height_px * c.width_px, c.clip_id)
        for place, c in enumerate(clips)
    ]
    pairs = [(i, j) for i, j in pairs if max(i, j) >= known]
    neighbours: dict[int, list[int]] = {}
    for i, j in pairs:
        neighbours.setdefault(i, []).append(j)
        neighbours.setdefault(j, []).append(i)
    kept: set[int] = set()
    dropped: dict[int, int] = {}
    for index in sorted(neighbours, key=lambda i: ranks[i]):
        if twins := kept.intersection(neighbours[index]):
            dropped[index] = min(twins, key=lambda twin: ranks[twin])
        else:
            kept.add(index)
    return dropped


def splits(clips: Sequence[Clip], pairs: Iterable[tuple[int, int]], heldout_share: float) -> list[str]:
    """The split of every clip: its source's, or else its group's, or else by the hash of its group.

    A group is the sources that duplicates connect. Known splits never change.
    """
    group_of = {clip.source_sha256: clip.source_sha256 for clip in clips}

    def root(source: str) -> str:
        while group_of[source] != source:
            group_of[source] = source = group_of[group_of[source]]
        return source

    for i, j in pairs:
        first, second = sorted((root(clips[i].source_sha256), root(clips[j].source_sha256)))
        group_of[second] = first
    known: dict[str, set[str]] = {}
    for clip in clips:
        if clip.split:
            known.setdefault(root(clip.source_sha256), set()).add(clip.split)
    return [clip.split or _split(root(clip.source_sha256), known, heldout_share) for clip in clips]


def _split(group: str, known: dict[str, set[str]], heldout_share: float) -> str:
    if group in known:
        return min(known[group])  # held out before train
    return "heldout" if int(group[:HASH_DIGITS], 16) < heldout_share * 16**HASH_DIGITS else "train"
