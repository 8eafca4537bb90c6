"""A folder of clips: random access to metadata, frames and audio.

Later components import records (`records.py`), writing (`shards.py`) and reading from here.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.common import artifacts
from components.common.formats import Format, Formats
from components.ingest.records import (
    METADATA,
    SCHEMA,
    AudioState,
    Clip,
    EncodedClip,
    clip_of,
    rows_of,
    table_of,
    with_split,
)
from components.ingest.shards import ROWS, ShardReader, batch_of, shards_of, write
from components.media import audio, images, pixels, video
from components.media.arrays import Pixels

__all__ = [
    "ROWS",
    "SCHEMA",
    "AudioState",
    "Clip",
    "Clips",
    "EncodedClip",
    "Pixels",
    "Samples",
    "decode",
    "facts",
    "rows_of",
    "table_of",
    "with_split",
    "write",
]
Samples = npt.NDArray[np.float32]


def facts(formats: Formats) -> dict[str, Any]:
    """Return the facts that the manifest of a folder of clips must hold for `Clips` to read it."""
    return {"formats": asdict(formats)}


class Clips:
    """Random access to a folder of clips; holds the metadata, reads media on demand.

    Raises ValueError if the folder is not a whole artifact. Safe to use from several threads, and to pickle.
    """

    def __init__(self, folder: Path, split: Literal["train", "heldout"] | None = None):
        self.folder, self.split = folder, split
        manifest = artifacts.read_manifest(folder)
        self.formats = Formats(**manifest.facts["formats"])
        self._reader = ShardReader(shards_of(folder))
        tables = [self._reader.metadata(number) for number in range(len(self._reader.shards))]
        empty = pa.schema([SCHEMA.field(name) for name in METADATA]).empty_table()
        table = pa.concat_tables(tables) if tables else empty
        rows = [(number, row) for number, part in enumerate(tables) for row in range(part.num_rows)]
        chosen = [index for index, value in enumerate(table["split"].to_pylist()) if split in (None, value)]
        self.table = table.take(pa.array(chosen, pa.int64()))  # metadata, without media
        self._rows = [rows[index] for index in chosen]  # shard and row of each clip

    def __reduce__(self) -> tuple[Callable[..., "Clips"], tuple[Any, ...]]:
        return Clips, (self.folder, self.split)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> list[Clip]: ...
    def __getitem__(self, index: int | slice) -> Clip | list[Clip]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        return clip_of(self.table.slice(range(len(self))[index], 1).to_pylist()[0])

    def __iter__(self) -> Iterator[Clip]:
        for batch in self.table.to_batches(max_chunksize=1024):
            yield from map(clip_of, batch.to_pylist())

    def shard(self, index: int) -> tuple[str, int]:
        """Return the file name of a clip's shard, and its row there."""
        shard, row = self._rows[index]
        return self._reader.shards[shard].name, row

    def row(self, index: int) -> EncodedClip:
        """Return a clip with its media as stored."""
        shard, row = self._rows[index]
        media, encoded_audio = self._reader.media(shard, row, ["media", "audio"])
        return EncodedClip(self[index], media, encoded_audio, batch_of(self._reader.shards[shard]))

    def pixels(self, index: int, form: Format) -> Pixels:
        """Return the first `form.frames` frames, cropped and resized: (T, H, W, 3). ValueError for a shorter clip."""
        return pixels.crop_and_resize(self.stored(index, form.frames), form.height_px, form.width_px)

    def stored(self, index: int, frames: int) -> Pixels:
        """Return the first `frames` frames at the stored size."""
        known = self.table["frames"][index].as_py()
        if frames > known:
            raise ValueError(f"clip {self.table['clip_id'][index]} has {known} frames, {frames} are asked for")
        (media,) = self._reader.media(*self._rows[index], ["media"])
        return decode(media, self.table["kind"][index].as_py(), frames, self.formats)

    def samples(self, index: int, frames: int) -> Samples:
        """Return mono audio as long as `frames` frames; silence where the clip has none."""
        exact = np.zeros(self.formats.samples(frames), np.float32)
        (encoded,) = self._reader.media(*self._rows[index], ["audio"])
        if encoded:
            decoded = audio.decode_flac(encoded)[: len(exact)]
            exact[: len(decoded)] = decoded
        return exact


def decode(media: bytes, kind: str, frames: int, formats: Formats) -> Pixels:
    """Decode stored media: the first `frames` frames (T, H, W, 3)."""
    return images.read(media)[None] if kind == "image" else video.decode(media, fps=formats.fps, frames=frames)
