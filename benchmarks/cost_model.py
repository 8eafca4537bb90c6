"""What ingest and filter cost, measured on some files and extrapolated: the tables of docs/costs.md.

    OMP_NUM_THREADS=1 python benchmarks/cost_model.py ../shared/media profiles/paper_1b.yaml

Every video in `videos/` and picture in `images/` is decoded, cut and encoded as ingest does it, then scored and
fingerprinted as the filter does it, with the parameters of the profile, in this process and without public networks;
core-seconds count. A minute is one that ingest reads: it stops after `spans_per_source` spans. What one process holds
is the growth of its peak from a few made-up rows to many; of the search for near-duplicates without the pages of mapped
files, which the machine takes back where it needs them. All is extrapolated in proportion to numbers; of the pairs of
near-duplicates, whose number grows faster at first, two sizes are printed.
"""

import json
import random
import re
import resource
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import recording

from components.common import artifacts, params
from components.common.artifacts import hash_file
from components.corpus import data as corpus_data
from components.corpus.data import Source
from components.filter import clip_measurements, mapped, rules, search
from components.filter import config as filter_config
from components.filter import data as filter_data
from components.filter.duplicates import FINGERPRINT_BYTES
from components.filter.writer import SCORES_SCHEMA
from components.ingest import data, decoding
from components.ingest.config import Config
from components.media import video
from components.media.errors import Unreadable
from flows.graph import profiles

VIDEOS, PICTURES = 270_000_000, 1_000_000_000  # as many as the paper was trained on
CORES = (1_000, 10_000)
MACHINE_BYTES = 64 << 30
SHARD_BYTES = 256 << 20  # of an object that a store and a reader like
FEW, MANY = 4_000, 40_000  # rows, for growth
FEW_PRINTS, MANY_PRINTS = 20_000, 80_000
WATCH_S = 0.002  # between looks at what a process holds
GIB, TIB = 1 << 30, 1 << 40
Found = TypeVar("Found")


@dataclass(frozen=True)
class Unit:
    """What one source of a kind costs, on average over those that were kept."""

    minutes: float
    clips: float
    ingest_s: float
    filter_s: float
    stored_bytes: float
    source_bytes: float


def core_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(work: Callable[[], object]) -> float:
    before_s = core_seconds()
    work()
    return core_seconds() - before_s


def measured(paths: Sequence[Path], config: Config, filtering: filter_config.Config) -> tuple[Unit, np.ndarray]:
    """The mean source, and the fingerprints of its clips."""
    rows: list[data.EncodedClip] = []
    kept, source_bytes, minutes, ingest_s = 0, 0, 0.0, 0.0
    decoding_of(paths[0], config)  # imports and tables are paid once a worker, not once a file
    for path in paths:
        before_s = core_seconds()
        found = decoding_of(path, config)
        ingest_s += core_seconds() - before_s
        kept += bool(found)
        source_bytes += path.stat().st_size if found else 0
        minutes += max((row.clip.end_s for row in found), default=0.0) / 60
        rows += found
    with TemporaryDirectory() as folder:
        with artifacts.fresh(Path(folder) / "clips") as fresh:
            ingest_s += timed(lambda: data.write(fresh, rows, shard_digits=1))
            artifacts.describe(fresh, "clips", inputs={}, counts={}, facts=data.facts(config.formats))
        clips = filter_data.Clips(Path(folder) / "clips")
        with artifacts.fresh(Path(folder) / "pretrained") as fresh:
            artifacts.describe(fresh, "pretrained", inputs={}, counts={})
        before_s = core_seconds()
        _, prints = clip_measurements.scores(filtering, clips, range(len(clips)), Path(folder) / "pretrained")
        filter_s = core_seconds() - before_s
    stored = sum(len(row.media) + len(row.audio) for row in rows)
    return Unit(*(value / kept for value in (minutes, len(rows), ingest_s, filter_s, stored, source_bytes))), prints


def decoding_of(path: Path, config: Config) -> list[data.EncodedClip]:
    with suppress(Unreadable):
        return decoding.rows_of(path, Source("", path.name, 0, hash_file(path)), config)
    return []


def growth_bytes(work: Callable[[int], object], few: int, many: int) -> float:
    """By how much the peak of a process grows with each row."""
    peaks = [alone(peak_bytes, work, count) for count in (few, many)]
    return (peaks[1] - peaks[0]) / (many - few)


def alone(work: Callable[..., Found], *given: object) -> Found:
    """What `work` finds in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as one:
        return one.submit(work, *given).result()


def peak_bytes(work: Callable[[int], object], count: int) -> int:
    held = work(count)
    status = Path("/proc/self/status").read_text()  # a process that was forked counts its parent's peak as its own
    del held
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


def named(count: int) -> Iterable[tuple[str, str]]:
    """Hashes and captions of a usual length."""
    generator = random.Random(0)
    words = ["river", "mountain", "dancing", "slowly", "people", "a", "the", "city", "at", "night"]
    for _ in range(count):
        yield generator.randbytes(32).hex(), " ".join(generator.choices(words, k=12))


def sources_of(count: int) -> list[Source]:
    return [
        Source("videos", f"part-{sha256[:3]}/{sha256[:12]}.mp4", 9_000_000, sha256, caption, "CC-BY-4.0", "en")
        for sha256, caption in named(count)
    ]


def read_sources(path: Path, count: int) -> list[Source]:
    """What ingest does before it decodes anything, but for making the table."""
    return corpus_data.read(path.with_name(f"{count}.parquet"))


def hold_clips(template: data.Clip, count: int) -> tuple[list[data.Clip], list[rules.ClipScores]]:
    """What the filter knows of its clips beside their fingerprints."""
    clips = [replace(template, clip_id=sha256, caption=caption) for sha256, caption in named(count)]
    return clips, [rules.ClipScores(duration_s=2.125 + place, motion=0.1 * place) for place in range(count)]


def mixed(prints_NB: np.ndarray, count: int) -> np.ndarray:
    """Fingerprints that are more alike than those of real clips, and none a copy: halves of two, and noise."""
    generator = np.random.default_rng(0)
    first, second = prints_NB[generator.integers(0, len(prints_NB), (2, count))].astype(np.float32)
    noise = generator.normal(0, 8, (count, 1)) + generator.normal(0, 8, first.shape)
    return np.clip((first + second) / 2 + noise, 0, 255).astype(np.uint8)


def found_copies(folder: Path, distance: float, count: int) -> tuple[float, int, int]:
    """Core-seconds of the search among fingerprints in a file, the most bytes held beside files, and bytes of files."""
    prints_NB = np.asarray(np.load(prints_of(folder, count), mmap_mode="r"))
    kinds, before, ended = ["video"] * count, anonymous_bytes(), Event()
    files: list[int] = []

    def space(shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
        made = mapped.empty(shape, dtype)
        files.append(made.nbytes)
        return made

    with ThreadPoolExecutor(1) as beside:
        most = beside.submit(watched, ended)
        took_s = timed(lambda: search.near_duplicates(prints_NB, kinds, distance, space))
        ended.set()
    return took_s, most.result() - before, sum(files)


def compared(folder: Path, count: int) -> int:
    """How many pairs are looked at."""
    prints_NB = np.asarray(np.load(prints_of(folder, count), mmap_mode="r"))
    return sum(map(len, search.candidates(prints_NB, np.zeros(count, np.int64))))


def watched(ended: Event) -> int:
    most = 0
    while not ended.wait(WATCH_S):
        most = max(most, anonymous_bytes())
    return most


def anonymous_bytes() -> int:
    return 1024 * int(re.findall(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])


def prints_of(folder: Path, count: int) -> Path:
    return folder / f"prints-{count}.npy"


def score_row_bytes(folder: Path) -> float:
    """Of scores.parquet, as the filter writes it."""
    generator = np.random.default_rng(0)
    rows = []
    for sha256, _ in named(FEW):
        numbers = {
            name: float(generator.random())
            for name in SCORES_SCHEMA.names
            if SCORES_SCHEMA.field(name).type == pa.float64()
        }
        rows.append({"clip_id": sha256, "reason": "", "detail": "", **asdict(rules.ClipScores()), **numbers})
    pq.write_table(pa.Table.from_pylist(rows, schema=SCORES_SCHEMA), folder / "scores.parquet", use_dictionary=False)
    return (folder / "scores.parquet").stat().st_size / FEW


def main(media: Path, profile: Path) -> None:
    """Print the tables."""
    read = profiles.read(profile.stem, profile.parent)
    config: Config = params.build("ingest", "ingest", read)
    filtering = replace(params.build("filter", "filter", read), threads=1)
    film, film_prints = measured(sorted((media / "videos").iterdir()), config, filtering)
    still, still_prints = measured(sorted((media / "images").iterdir()), config, filtering)
    prints = np.concatenate([film_prints, still_prints])
    print_units(film, still)
    print_totals(film, still)
    with TemporaryDirectory() as folder:
        print_limits(film, still, prints, config, filtering, Path(folder))


def print_units(film: Unit, still: Unit) -> None:
    print("| | a video | a source minute | a picture |\n| --- | --- | --- | --- |")
    for name, of in (("ingest, core-seconds", "ingest_s"), ("filter, core-seconds", "filter_s"), ("clips", "clips")):
        one, picture = getattr(film, of), getattr(still, of)
        if name != "clips":
            stage = name.partition(",")[0]
            recording.record(f"{stage}, a source minute", one / film.minutes, "core-seconds")
            recording.record(f"{stage}, a picture", picture, "core-seconds")
        print(f"| {name} | {one:.2f} | {one / film.minutes:.2f} | {picture:.3f} |")
    stored = film.stored_bytes
    print(f"| stored, KB | {stored / 1e3:.0f} | {stored / film.minutes / 1e3:.0f} | {still.stored_bytes / 1e3:.0f} |")
    sizes = f"{film.source_bytes / 1e6:.1f} MB; a picture has {still.source_bytes / 1e6:.2f} MB"
    print(f"\nA video is read for {60 * film.minutes:.1f} s and has {sizes}.\n")


def print_totals(film: Unit, still: Unit) -> None:
    heads = " | ".join(f"hours on {cores:,} cores" for cores in CORES)
    print(f"| | core-hours | {heads} | stored, TiB |\n| --- | --- | --- | --- | --- |")
    for name, unit, count in (("270 M videos", film, VIDEOS), ("1 B pictures", still, PICTURES)):
        for stage, seconds, stored in (
            ("ingest", unit.ingest_s, unit.stored_bytes),
            ("filter", unit.filter_s, unit.stored_bytes),
        ):
            hours = seconds * count / 3600
            recording.record(f"{stage} of {name}", hours, "core-hours")
            walls = " | ".join(f"{hours / cores:,.0f}" for cores in CORES)
            print(f"| {name}, {stage} | {hours:,.0f} | {walls} | {stored * count / TIB:,.0f} |")
    print()


def print_limits(
    film: Unit, still: Unit, prints: np.ndarray, config: Config, filtering: filter_config.Config, folder: Path
) -> None:
    sources, clips = VIDEOS + PICTURES, VIDEOS * film.clips + PICTURES * still.clips
    stored = VIDEOS * film.stored_bytes + PICTURES * still.stored_bytes
    for count in (FEW, MANY):
        corpus_data.write(folder / f"{count}.parquet", sources_of(count))
    source_bytes = growth_bytes(partial(read_sources, folder / "x"), FEW, MANY)
    template = data.Clip("", "", "video", "", "", "CC-BY-4.0", "videos", 17, "square", 0, 2, 512, 512, "none", 0, {})
    clip_bytes = growth_bytes(partial(hold_clips, template), FEW, MANY)
    copy_s, peaks, pairs = [], [], []
    for count in (FEW_PRINTS, MANY_PRINTS):
        np.save(prints_of(folder, count), mixed(prints, count))
        took_s, peak, file_bytes = alone(found_copies, folder, filtering.duplicate_distance, count)
        copy_s.append(took_s / count)
        peaks.append(peak)
        pairs.append(alone(compared, folder, count) / count)
    # The filter maps the fingerprints of all clips, and then of those that no rule dropped.
    scratch_bytes = file_bytes / MANY_PRINTS + 2 * FINGERPRINT_BYTES
    print_bytes = (peaks[1] - peaks[0]) / (MANY_PRINTS - FEW_PRINTS)
    shards = 16**config.shard_digits
    entry = {"md5": "0" * 32, "relpath": f"clips-0001-{'0' * config.shard_digits}.parquet"}
    entry_bytes = len(json.dumps(entry)) + 2
    print(f"| what one process holds | bytes a row | rows that fill {MACHINE_BYTES // GIB} GiB | of the whole |")
    print("| --- | --- | --- | --- |")
    for name, size, rows in (
        ("ingest: the table of sources", source_bytes, sources),
        ("filter: what is known of clips, and scores", clip_bytes, clips),
        ("filter: looking for near-duplicates", print_bytes, clips),
    ):
        fills = MACHINE_BYTES / size
        print(f"| {name} | {size:,.0f} | {fills / 1e6:,.1f} M | {min(fills / rows, 1):.1%} |")
    waiting = data.ROWS * shards * stored / clips
    print(f"\nClips that wait until their shard gets {data.ROWS} of them: {waiting / GIB:,.1f} GiB at most.")
    recording.record("search for near-duplicates, held a clip beside mapped files", print_bytes, "bytes")
    claim = f"search for near-duplicates, a clip of {MANY_PRINTS:,}"
    recording.record(claim, 1e3 * copy_s[1], "core-ms")
    print(
        f"Near-duplicates: of {FEW_PRINTS:,} clips each is compared with {pairs[0]:.0f} others in"
        f" {1e3 * copy_s[0]:.2f} ms, of {MANY_PRINTS:,} with {pairs[1]:.0f} in {1e3 * copy_s[1]:.2f} ms; at the latter,"
        f" all of them take {copy_s[1] * clips / 3600:,.0f} core-hours in one process."
        f" Beside {print_bytes:.0f} bytes ({(peaks[1] - MANY_PRINTS * print_bytes) / 1e6:.0f} MB, whatever the number),"
        f" {scratch_bytes:,.0f} a clip lie in scratch files: {clips * scratch_bytes / TIB:,.1f} TiB for the whole.\n"
    )
    table_bytes = (folder / f"{MANY}.parquet").stat().st_size / MANY
    print("| what is written | number | size |\n| --- | --- | --- |")
    print(f"| sources.parquet | {sources:,} rows | {sources * table_bytes / GIB:,.0f} GiB |")
    print(f"| scores.parquet | {clips:,.0f} rows | {clips * score_row_bytes(folder) / GIB:,.0f} GiB |")
    print(f"| outcomes in the cache | {sources:,} files | {stored / TIB:,.0f} TiB |")
    print(f"| shards as they are, one batch | {shards:,} objects | {stored / shards / GIB:,.1f} GiB each |")
    print(f"| DVC's listing of them | {shards:,} entries | {shards * entry_bytes / 1e6:,.2f} MB |")
    sized = stored / SHARD_BYTES
    print(f"| shards of {SHARD_BYTES >> 20} MiB | {sized:,.0f} objects | {SHARD_BYTES >> 20} MiB each |")
    print(f"| DVC's listing of those | {sized:,.0f} entries | {sized * entry_bytes / 1e6:,.0f} MB |")


if __name__ == "__main__":
    recording.begin()
    if len(sys.argv) != 3:
        sys.exit("say which media and profile: benchmarks/cost_model.py ../shared/media profiles/paper_1b.yaml")
    video.probe(next(iter((Path(sys.argv[1]) / "videos").iterdir())))  # before anything is timed
    main(Path(sys.argv[1]), Path(sys.argv[2]))
