"""Clips in Parquet shards: what is known of each, and its media as encoded bytes.

A clip's shard is named by the batch of its source and the first digits of its id, so that what is added later leaves
the shards of earlier batches byte for byte as they are. A video is
H.264 in MP4 at the shared frame rate, a picture PNG or JPEG, sound FLAC at the shared sample rate, cut to the video.
Stored pictures are as large as the last super-resolution stage needs; crops happen at reading.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from components.common import artifacts
from components.common.formats import Format, Formats, Orientation
from components.media import audio, images, pixels, video

Pixels = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.float32]
AudioState = Literal["audible", "silent", "none"]
ROWS = 8  # per row group: what reading one clip's bytes touches
OPEN = 64  # shards that each thread keeps open: opening one costs twice what reading a clip's bytes does


@dataclass(frozen=True)
class Clip:
    """What is known of a clip. Times are on the source's clock."""

    clip_id: str
    source_sha256: str
    kind: Literal["video", "image"]
    split: str  # "train", "heldout" or, before the filter, "" for not chosen
    caption: str  # "" if none
    licence: str
    root: str  # alias of the folder that its source lies in; "" for the rendered corpus
    frames: int
    orientation: Orientation
    start_s: float
    end_s: float
    height_px: int  # as stored
    width_px: int
    audio_state: AudioState
    motion: float  # mean change of a pixel from frame to frame, 0 to 1
    attributes: Mapping[str, str]  # free columns of the source

    @property
    def has_structure(self) -> bool:
        """Whether flow and depth are estimated for it."""
        return self.kind == "video"


@dataclass(frozen=True)
class Row:
    """A clip with its bytes; `sound` is empty where there is no track. `batch` is its source's: it names the shard."""

    clip: Clip
    media: bytes
    sound: bytes
    batch: int = 0


SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("source_sha256", pa.string()),
        ("kind", pa.string()),
        ("split", pa.string()),
        ("caption", pa.string()),
        ("licence", pa.string()),
        ("root", pa.string()),
        ("frames", pa.int32()),
        ("orientation", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("height_px", pa.int32()),
        ("width_px", pa.int32()),
        ("audio_state", pa.string()),
        ("motion", pa.float64()),
        ("attributes", pa.string()),  # JSON object
        ("media", pa.binary()),
        ("sound", pa.binary()),
    ]
)
KNOWN = [field.name for field in fields(Clip)]


def write(folder: Path, rows: Iterable[Row], *, shard_digits: int = 1) -> int:
    """Write shards into `folder`, rows in the order in which they come, which is that of their batches.

    Returns how many. Describe the folder after.
    """
    written = 0
    for batch, of_batch in groupby(rows, key=lambda row: row.batch):
        if any(folder.glob(f"{_stem(batch)}-*")):
            raise AssertionError(f"rows of batch {batch} come after those of another batch")
        written += _write_batch(folder / _stem(batch), of_batch, shard_digits)
    return written


def _stem(batch: int) -> str:
    return f"clips-{batch:04d}"


def _batch_of(shard: Path) -> int:
    return int(shard.stem.split("-")[1])


def _write_batch(stem: Path, rows: Iterable[Row], shard_digits: int) -> int:
    waiting: dict[str, list[Row]] = {}
    writers: dict[str, pq.ParquetWriter] = {}
    written = 0

    def flush(shard: str) -> None:
        if shard not in writers:
            # Media do not compress further, and without dictionaries equal rows give equal bytes.
            path = stem.with_name(f"{stem.name}-{shard}.parquet")
            writers[shard] = pq.ParquetWriter(path, SCHEMA, compression="none", use_dictionary=False)
        writers[shard].write_table(table_of(waiting.pop(shard)), row_group_size=ROWS)

    try:
        for row in rows:
            shard = row.clip.clip_id[:shard_digits]
            waiting.setdefault(shard, []).append(row)
            written += 1
            if len(waiting[shard]) == ROWS:
                flush(shard)
        for shard in sorted(waiting):
            flush(shard)
    finally:
        for writer in writers.values():
            writer.close()
    return written


def table_of(rows: Iterable[Row]) -> pa.Table:
    """Rows as a table of the schema."""
    return pa.Table.from_pylist(
        [
            asdict(row.clip)
            | {"attributes": json.dumps(dict(row.clip.attributes), sort_keys=True, ensure_ascii=False)}
            | {"media": row.media, "sound": row.sound}
            for row in rows
        ],
        schema=SCHEMA,
    )


def rows_of(table: pa.Table) -> list[Row]:
    """Rows from a table of the schema."""
    return [Row(_clip({name: row[name] for name in KNOWN}), row["media"], row["sound"]) for row in table.to_pylist()]


def facts(formats: Formats) -> dict[str, Any]:
    """What the manifest of a folder of clips must say for it to be read."""
    return {"formats": asdict(formats)}


class Clips:
    """Random access to a folder of clips; holds what is known of them, reads their bytes when asked.

    Raises ValueError if the folder is not a whole artefact. Safe to use from several threads, and to pickle.
    """

    def __init__(self, folder: Path, split: Literal["train", "heldout"] | None = None):
        self.folder, self.split = folder, split
        manifest = artifacts.read_manifest(folder)
        self.formats = Formats(**manifest.facts["formats"])
        self._shards = sorted(folder.glob("clips-*.parquet"), key=lambda path: (_batch_of(path), path.name))
        self._footers = [pq.read_metadata(path, memory_map=True) for path in self._shards]
        tables = [self._known(number) for number in range(len(self._shards))]
        empty = pa.schema([SCHEMA.field(name) for name in KNOWN]).empty_table()
        table = pa.concat_tables(tables) if tables else empty
        places = [(number, row) for number, part in enumerate(tables) for row in range(part.num_rows)]
        chosen = [index for index, value in enumerate(table["split"].to_pylist()) if split in (None, value)]
        self.table = table.take(pa.array(chosen, pa.int64()))  # what is known, without media
        self._places = [places[index] for index in chosen]
        self._held = threading.local()  # open shards: two threads must not read one at the same time

    def __reduce__(self) -> tuple[Callable[..., "Clips"], tuple[Any, ...]]:
        return Clips, (self.folder, self.split)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> list[Clip]: ...
    def __getitem__(self, index: int | slice) -> Clip | list[Clip]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        return _clip(self.table.slice(range(len(self))[index], 1).to_pylist()[0])

    def __iter__(self) -> Iterator[Clip]:
        for batch in self.table.to_batches(max_chunksize=1024):
            yield from map(_clip, batch.to_pylist())

    def shard(self, index: int) -> tuple[str, int]:
        """The name of the file that a clip lies in, and its row there."""
        shard, row = self._places[index]
        return self._shards[shard].name, row

    def row(self, index: int) -> Row:
        """A clip with its bytes as they are stored."""
        media, sound = self._bytes(index, ["media", "sound"])
        return Row(self[index], media, sound, _batch_of(self._shards[self._places[index][0]]))

    def pixels(self, index: int, form: Format) -> Pixels:
        """The first `form.frames` frames, cropped and resized: (T, H, W, 3). ValueError if the clip is shorter."""
        return pixels.crop_and_resize(self.stored(index, form.frames), form.height_px, form.width_px)

    def stored(self, index: int, frames: int) -> Pixels:
        """The first `frames` frames at the stored size."""
        known = self.table["frames"][index].as_py()
        if frames > known:
            raise ValueError(f"clip {self.table['clip_id'][index]} has {known} frames, {frames} are asked for")
        (media,) = self._bytes(index, ["media"])
        return decode(media, self.table["kind"][index].as_py(), frames, self.formats)

    def samples(self, index: int, frames: int) -> Samples:
        """Mono sound as long as `frames` frames; silence where the clip has none."""
        exact = np.zeros(self.formats.samples(frames), np.float32)
        (sound,) = self._bytes(index, ["sound"])
        if sound:
            heard = audio.decode_flac(sound)[: len(exact)]
            exact[: len(heard)] = heard
        return exact

    def _bytes(self, index: int, columns: list[str]) -> list[bytes]:
        shard, row = self._places[index]
        group = self._kept_open(shard).read_row_group(row // ROWS, columns=columns, use_threads=False)
        return [group[name][row % ROWS].as_py() for name in columns]

    def _kept_open(self, shard: int) -> pq.ParquetFile:
        """A shard, open in this thread; the least recently used one is closed where there are too many."""
        files: OrderedDict[int, pq.ParquetFile] = self._held.__dict__.setdefault("files", OrderedDict())
        if shard not in files:
            files[shard] = self._open(shard)
            if len(files) > OPEN:
                files.popitem(last=False)[1].close(force=True)
        files.move_to_end(shard)
        return files[shard]

    def _known(self, shard: int) -> pa.Table:
        with self._open(shard) as file:
            return file.read(columns=KNOWN, use_threads=False)

    def _open(self, shard: int) -> pq.ParquetFile:
        return pq.ParquetFile(pa.memory_map(str(self._shards[shard])), metadata=self._footers[shard])


def decode(media: bytes, kind: str, frames: int, formats: Formats) -> Pixels:
    """Decode stored media: the first `frames` frames (T, H, W, 3)."""
    return images.read(media)[None] if kind == "image" else video.decode(media, fps=formats.fps, frames=frames)


def with_split(row: Row, split: str) -> Row:
    """The same bytes in another split."""
    return replace(row, clip=replace(row.clip, split=split))


def _clip(row: dict[str, Any]) -> Clip:
    return Clip(**{**row, "attributes": json.loads(row["attributes"])})
