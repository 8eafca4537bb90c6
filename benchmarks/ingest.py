"""Claim: ingest works at 0.9 of the speed of the ffmpeg command line or more, and faster than a loop over OpenCV.

    python benchmarks/ingest.py ../shared/media/videos

Every video is worked on as far as ingest reads it, by two processes side by side, with the parameters of `params.yaml`.
The ffmpeg command line decodes as far, scales, brings pictures to 8 a second and sound to mono at the same rate, and
encodes both as ingest does, once as it is and once looking for shots too (its filter `scdet`); it hashes nothing and
cuts nothing. The loop over OpenCV's frames does the same without sound and shots. They take turns; medians of wall and
core-seconds. A worker's memory is its highest, over all videos and over half a minute of 4K that is made here.
"""

import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import recording
from av import VideoFrame

from components.common import params
from components.common.artifacts import hash_file
from components.corpus.data import Source
from components.ingest import decoding
from components.ingest.config import Config
from components.ingest.data import EncodedClip
from components.ingest.shots import Shots
from components.media import video
from components.media.errors import Unreadable

PROCESSES, TURNS = 2, 3
Work = tuple[Path, float, int, int]  # a file, to which second it is read, and the stored size


def ours(path: Path) -> list[EncodedClip]:
    """The rows of a file; none if it is refused."""
    with suppress(Unreadable):
        return decoding.rows_of(path, Source("", path.name, 0, hash_file(path)), CONFIG)
    return []


def read_to(path: Path) -> tuple[list[EncodedClip], float]:
    """The rows of a file, and to which second its pictures were decoded for them."""
    seconds = [0.0]

    class Noted(Shots):
        def watch(self, frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
            for frame in super().watch(frames):
                seconds.append(frame.time or 0.0)
                yield frame

    decoding.Shots = Noted  # type: ignore[misc]  # in a process of its own
    return ours(path), max(seconds)


def ffmpeg_and_shots(work: Work) -> None:
    """The same by the command line."""
    ffmpeg(work, "scdet=threshold=10,")


def ffmpeg(work: Work, first: str = "") -> None:
    """The same by the command line, without a look for shots unless that is the `first` filter."""
    path, until_s, height_px, width_px = work
    with tempfile.TemporaryDirectory() as folder:
        pictures = f"{first}fps={CONFIG.formats.fps},scale={width_px}:{height_px}:flags=area"
        command = ["ffmpeg", "-v", "error", "-threads", "1", "-ss", "0", "-i", str(path)]
        command += ["-t", str(until_s), "-map", "0:V:0", "-vf", pictures, "-filter_threads", "1", "-c:v", "libx264"]
        command += ["-preset", "veryfast", "-crf", str(CONFIG.crf), "-threads", "1", "-pix_fmt", "yuv420p"]
        command += ["-x264-params", "mbtree=0", f"{folder}/x.mp4"]
        if video.probe(path).has_audio:  # or else it ends before it begins
            command += ["-t", str(until_s), "-map", "0:a:0", "-vn"]
            command += ["-ac", "1", "-ar", str(CONFIG.formats.sample_rate_hz), f"{folder}/x.flac"]
        subprocess.run(command, check=True)


FFMPEG = (ffmpeg, ffmpeg_and_shots)
CLAIMS = (
    ("ffmpeg", "core-seconds of the ffmpeg command line ÷ ours", "≥ 0.9"),
    ("ffmpeg_and_shots", "core-seconds of ffmpeg, looking for shots too, ÷ ours", ""),
    ("opencv", "core-seconds of a loop over OpenCV, without sound and shots, ÷ ours", "> 1"),
)


def opencv(work: Work) -> None:
    """The pictures alone, by a plain loop over frames; nothing of a file that OpenCV's decoders do not know."""
    path, until_s, height_px, width_px = work
    cv2.setNumThreads(1)
    capture, pictures, count = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]), [], 0
    while True:
        there, frame = capture.read()
        time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if not there or time_s > until_s:
            break
        while count / CONFIG.formats.fps <= time_s:
            small = cv2.resize(frame, (width_px, height_px), interpolation=cv2.INTER_AREA)
            pictures.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
            count += 1
    if pictures:
        video.encode_mp4(np.stack(pictures), fps=CONFIG.formats.fps, crf=CONFIG.crf)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and core-seconds of this process and of the children that ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)

    def cores_s() -> float:
        return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))

    wall_s, before_s = time.perf_counter(), cores_s()
    work()
    return time.perf_counter() - wall_s, cores_s() - before_s


def peak_mib(path: Path) -> float:
    """The most memory that this process ever held, once it has worked on a file."""
    ours(path)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def side_by_side(function: Callable[..., object], many: list[Work]) -> Callable[[], None]:
    """Work on many files in two processes; those of ours and of OpenCV are started anew, as ffmpeg's are."""

    def run() -> None:
        pool = ThreadPoolExecutor if function in FFMPEG else ProcessPoolExecutor
        with pool(PROCESSES) as workers:
            things = [work[0] for work in many] if function is ours else many
            list(workers.map(function, things))

    return run


def long_4k(path: Path) -> Path:
    """Half a minute of moving 4K."""
    source = "testsrc2=size=3840x2160:rate=30"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-t", "30", "-preset", "ultrafast", str(path)]
    subprocess.run(command, check=True)
    return path


def _config() -> Config:
    sections = params.read(Path("params.yaml"))
    config: Config = params.typed(Config, {**sections["ingest"], "formats": sections["formats"]}, "ingest")
    return config


CONFIG = _config()

if __name__ == "__main__":
    recording.begin()
    if len(sys.argv) != 2:
        sys.exit("say which folder of videos: python benchmarks/ingest.py ../shared/media/videos")
    if subprocess.run(["ffmpeg", "-version"], capture_output=True, check=False).returncode:
        sys.exit("the ffmpeg command line is not here, and there is nothing to compare with: install ffmpeg")
    with ProcessPoolExecutor(1) as one:
        rows = {path: one.submit(read_to, path).result() for path in sorted(Path(sys.argv[1]).iterdir())}
    many = [
        (path, end_s - min(0, found[0].clip.start_s), found[0].clip.height_px, found[0].clip.width_px)
        for path, (found, end_s) in rows.items()
        if found
    ]
    many.sort(key=lambda work: -work[0].stat().st_size)  # that nobody waits long for the last one
    took: dict[str, list[tuple[float, float]]] = {}
    for _, function in itertools.product(range(TURNS), (ours, *FFMPEG, opencv)):
        took.setdefault(function.__name__, []).append(timed(side_by_side(function, many)))
    medians = {
        name: [statistics.median(turn[kind] for turn in turns) for kind in (0, 1)] for name, turns in took.items()
    }
    with ProcessPoolExecutor(1) as one, tempfile.TemporaryDirectory() as folder:
        small = max(one.submit(peak_mib, path).result() for path, *_ in many)
        large = one.submit(peak_mib, long_4k(Path(folder) / "4k.mp4")).result()
    for name, (wall_s, cores_s) in medians.items():
        print(f"{name}: {wall_s:.2f} s wall, {cores_s:.2f} core-seconds")
    figures = {
        f"{other} ÷ ours, {kind}": round(medians[other][place] / medians["ours"][place], 3)
        for other in medians.keys() - {"ours"}
        for place, kind in enumerate(("wall", "core-seconds"))
    }
    for name, claim, target in CLAIMS:
        recording.record(claim, medians[name][1] / medians["ours"][1], "×", target)
    recording.record("memory of a worker", small, "MiB")
    recording.record("memory of a worker with 4K", large, "MiB")
    clips = sum(len(found) for found, _ in rows.values())
    print(
        json.dumps(
            {**figures, "clips": clips, "MiB": [round(small), round(large)]},
            ensure_ascii=False,
        )
    )
