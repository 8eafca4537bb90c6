"""Samples as files: media, a JSON for each, and one table of all.

A clip is MP4 (H.264, and AAC where there is audio), an image PNG. Versions upsampled by super-resolution are rows of
their own, named after the base sample.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from components.common import artifacts
from components.corpus.data import leaves
from components.media import images, video
from components.media.arrays import Pixels, Wave

TABLE = "samples.parquet"
NUMBERS = {"seed": pa.int64(), "given_frames": pa.int64(), "unseen": pa.bool_()}


@dataclass(frozen=True)
class Sample:
    """One generated file and its request."""

    sample_id: str
    task: str
    format: str
    prompt: str  # "" where the task takes no text
    clip_id: str  # the real clip that gave the inputs or the reference, "" if none
    seed: int
    stage: Literal["base", "super_resolution"]
    unseen: bool  # True if no training clip has these attributes together
    attributes: dict[str, str]  # of the real clip
    given_frames: int  # leading frames that were given, not generated
    region: str  # region that a masked task filled in, "" elsewhere
    path: str  # of the file, relative to the folder


def encode(frames_THWC: Pixels, wave_S: Wave | None, *, fps: int, sample_rate_hz: int, crf: int) -> tuple[str, bytes]:
    """Encode a clip with its audio, or an image; return the suffix and the bytes of the file."""
    if len(frames_THWC) == 1:
        return ".png", images.encode_png(frames_THWC[0])
    return ".mp4", video.encode_mp4(frames_THWC, fps=fps, audio_S=wave_S, sample_rate_hz=sample_rate_hz, crf=crf)


def write(folder: Path, sample: Sample, media: bytes) -> None:
    """Write one sample's media and its JSON."""
    path = folder / sample.path
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(media)
    artifacts.write_json(path.with_suffix(".json"), asdict(sample))


def write_table(folder: Path, samples: Sequence[Sample]) -> None:
    """Write the table of all samples; attributes are JSON text."""
    rows = [
        asdict(sample) | {"attributes": json.dumps(sample.attributes, sort_keys=True, ensure_ascii=False)}
        for sample in samples
    ]
    schema = pa.schema([(field.name, NUMBERS.get(field.name, pa.string())) for field in fields(Sample)])
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / TABLE)


def read_table(folder: Path) -> list[Sample]:
    """Read the table of a folder of samples; raises ValueError if a sample's file would lie outside of the folder."""
    rows = pq.read_table(folder / TABLE).to_pylist()
    if outside := next((row["path"] for row in rows if leaves(row["path"])), ""):
        raise ValueError(f"{folder / TABLE} is refused: it names the path {outside!r}")
    return [Sample(**row | {"attributes": json.loads(row["attributes"])}) for row in rows]
