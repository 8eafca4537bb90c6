"""Clips as records: metadata, encoded media, and rows of a table.

A video is H.264 in MP4 at the shared frame rate, an image PNG or JPEG, audio FLAC at the shared sample rate, cut to the
length of the video. Frames are stored as large as the last super-resolution stage needs; crops happen at reading.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import pyarrow as pa

from components.common.formats import Orientation

AudioState = Literal["audible", "silent", "none"]


@dataclass(frozen=True)
class Clip:
    """Metadata of a clip. Times are on the source's clock."""

    clip_id: str
    source_sha256: str
    kind: Literal["video", "image"]
    split: str  # "train", "heldout" or, before the filter, "" for not chosen
    caption: str  # "" if none
    license: str
    root: str  # alias of the source's folder; "" for the rendered corpus
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
        """True if flow and depth are estimated for the clip."""
        return self.kind == "video"


@dataclass(frozen=True)
class EncodedClip:
    """A clip with its encoded media; `audio` is empty where there is no track.

    `batch` is its source's batch, which names the shard.
    """

    clip: Clip
    media: bytes
    audio: bytes
    batch: int = 0


SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("source_sha256", pa.string()),
        ("kind", pa.string()),
        ("split", pa.string()),
        ("caption", pa.string()),
        ("license", pa.string()),
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
        ("audio", pa.binary()),
    ]
)
METADATA = [field.name for field in fields(Clip)]


def table_of(rows: Iterable[EncodedClip]) -> pa.Table:
    """Return a table of the schema."""
    return pa.Table.from_pylist(
        [
            asdict(row.clip)
            | {"attributes": json.dumps(dict(row.clip.attributes), sort_keys=True, ensure_ascii=False)}
            | {"media": row.media, "audio": row.audio}
            for row in rows
        ],
        schema=SCHEMA,
    )


def rows_of(table: pa.Table) -> list[EncodedClip]:
    """Return the rows of a table of the schema."""
    return [
        EncodedClip(clip_of({name: row[name] for name in METADATA}), row["media"], row["audio"])
        for row in table.to_pylist()
    ]


def clip_of(row: Mapping[str, Any]) -> Clip:
    """Return the clip of a row of metadata columns."""
    return Clip(**{**row, "attributes": json.loads(row["attributes"])})


def with_split(row: EncodedClip, split: str) -> EncodedClip:
    """Return the same media in another split."""
    return replace(row, clip=replace(row.clip, split=split))
