"""Claim: cuts between real shots are found to the frame, and so are most dissolves (components/ingest/shots.py).

python benchmarks/shots.py ../shared/media/videos [dissolves, 300]

Boundaries annotated by eye (tests/components/ingest/shots.csv), beside what PySceneDetect's detectors find with their
own defaults in the same small pictures. Then dissolves of a third of a second to two seconds, at 24 pictures a second,
laid between stretches of other real videos as they move and shake: how many are found, and where they begin and end.
Limits of dissolves.py were chosen on these videos, with other stretches.
"""

import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import recording
from av import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray
from scenedetect.common import FrameTimecode
from scenedetect.detector import SceneDetector
from scenedetect.detectors import AdaptiveDetector, ContentDetector

from components.common import params
from components.ingest.config import Config
from components.ingest.shots import HEIGHT_PX, WIDTH_PX, Shots
from components.media import video

ANNOTATED = Path(__file__).parents[1] / "tests" / "components" / "ingest" / "shots.csv"
FPS, AROUND = 24, 48  # frames of either shot alone
LENGTHS = (8, 12, 24, 36, 48)
SEED = 1
HOLDS_STILL = {"terminal_screencast_vp9_opus.webm", "earth_at_night_vp9_opus.webm"}  # or is there twice
Film = list[NDArray[np.uint8]]


def small(path: Path) -> list[VideoFrame]:
    """The frames of a video, small."""
    with video.opened(path) as container:
        return [
            frame.reformat(WIDTH_PX, HEIGHT_PX, "bgr24", interpolation=Interpolation.AREA)
            for frame in container.decode(video.video_stream(container))
            if frame.pts is not None
        ]


def ours(frames: Iterable[VideoFrame], config: Config) -> list[int]:
    """Numbers of the frames with which another shot begins."""
    shots = Shots(change=config.shot_change, ratio=config.shot_ratio)
    times_s = [frame.time for frame in shots.watch(frames)]
    shots.end()
    numbers = [shots.number(time_s) for time_s in times_s]
    return [index for index in range(1, len(numbers)) if numbers[index] != numbers[index - 1]]


def peers(frames: list[VideoFrame], detector: SceneDetector) -> list[int]:
    """The same, by a detector with its defaults."""
    cuts = []
    for index, frame in enumerate(frames):
        cuts += detector.process_frame(FrameTimecode(index, 24.0), frame.to_ndarray())
    return [cut.frame_num for cut in cuts]


def judged(name: str, found: dict[str, list[int]], annotated: dict[str, list[int]]) -> tuple[float, int]:
    """Print and return the recall of annotated boundaries, within one frame, and how many others were found."""
    hits = wrong = 0
    for file, frames in annotated.items():
        hits += sum(any(abs(cut - frame) <= 1 for cut in found[file]) for frame in frames)
        wrong += sum(not any(abs(cut - frame) <= 1 for frame in frames) for cut in found[file])
    count = sum(len(frames) for frames in annotated.values())
    print(f"{name}: {hits} of {count} boundaries, {wrong} where there is none; recall {hits / count:.2f}", flush=True)
    return hits / count, wrong


def mixtures(films: dict[str, list[VideoFrame]], cuts: dict[str, list[int]], count: int) -> Iterator[tuple[int, Film]]:
    """Two stretches of different videos, each within one shot, and one dissolving to the other in so many frames."""
    random = np.random.default_rng(SEED)
    usable = [name for name, frames in films.items() if len(frames) > 2 * AROUND and name not in HOLDS_STILL]
    while count:
        length = int(random.choice(LENGTHS))
        names = random.choice(usable, 2, replace=False)
        if not all(taken := [stretch(films[name], cuts[name], AROUND + length, random) for name in names]):
            continue
        alphas = (np.arange(1, length + 1) / (length + 1))[:, None, None, None]
        before, after = (np.stack([frame.to_ndarray() for frame in frames]) for frames in taken)
        mixed = before[AROUND:] * (1 - alphas) + after[:length] * alphas
        count -= 1
        yield length, [*before[:AROUND], *mixed.round().astype(np.uint8), *after[length:]]


def stretch(
    frames: list[VideoFrame], cuts: list[int], wanted: int, random: np.random.Generator
) -> list[VideoFrame] | None:
    """So many frames of one shot, at `FPS` or what the video has if that is less; None where the draw has no luck."""
    seconds = (frames[-1].time - frames[0].time) / (len(frames) - 1)
    step = max(1.0, 1 / FPS / seconds)
    first = int(random.integers(len(frames)))
    chosen = [first + int(index * step) for index in range(wanted)]
    if chosen[-1] >= len(frames) or any(chosen[0] < cut <= chosen[-1] for cut in cuts):
        return None
    return [frames[index] for index in chosen]


def timed(pictures: Film) -> Iterator[VideoFrame]:
    for index, picture in enumerate(pictures):
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), "bgr24")
        frame.pts, frame.time_base = index, Fraction(1, FPS)
        yield frame


def main(folder: Path, count: int = 300) -> None:
    config: Config = params.build("ingest", "ingest", params.read())
    films = {path.name: small(path) for path in sorted(folder.iterdir())}
    annotated: dict[str, list[int]] = {name: [] for name in films}
    with ANNOTATED.open() as file:
        for row in csv.DictReader(file):
            annotated[row["file"]].append(int(row["first_frame"]))
    cuts = {name: ours(frames, config) for name, frames in films.items()}
    recall, wrong = judged("ours", cuts, annotated)
    recording.record("recall of 40 changes of shot, annotated by eye", recall)
    recording.record("changes of shot found where there is none", wrong)
    for detector in (AdaptiveDetector, ContentDetector):
        found = {name: peers(frames, detector()) for name, frames in films.items()}
        theirs, _ = judged(f"PySceneDetect's {detector.__name__}", found, annotated)
        recording.record(f"our recall ÷ that of PySceneDetect's {detector.__name__}", recall / theirs, "×")

    found_of, off = defaultdict(list), []
    for length, pictures in mixtures(films, cuts, count):
        edges = ours(timed(pictures), config)
        inside = [edge for edge in edges if AROUND <= edge <= AROUND + length]
        found_of[length].append(bool(inside))
        off += [min(abs(inside[0] - AROUND), abs(inside[-1] - AROUND - length))] if inside else []
    for length, found in sorted(found_of.items()):
        print(f"dissolves of {length} frames: {np.mean(found):.2f} of {len(found)} found")
    every = np.concatenate(list(found_of.values()))
    print(f"dissolves: {every.mean():.2f} of {len(every)} found; the nearer edge is off by {np.median(off):.0f} frames")
    recording.record(f"recall of {len(every)} dissolves laid between real videos", float(every.mean()))


if __name__ == "__main__":
    recording.begin()
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
