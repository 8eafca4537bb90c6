"""Columns of the groups, encoded batch by batch.

Columns are arrays mapped from scratch files, so memory holds one batch however many rows there are. Rows are in the
order of their clip ids. The first frames of a long clip are also a row of the usual format.

Shapes: N rows, or clips, B clips of a batch, T frames, H height, W width, C channels.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from components.common.errors import DataError
from components.common.formats import Format
from components.common.progress import progress
from components.embed_text.data import Embeddings
from components.estimate_structure.data import Structures
from components.filter import data
from components.filter.data import Clip, Clips
from components.pretokenize import ops, regions
from components.pretokenize.config import Config, Stage
from components.pretokenize.data import CONDITION, Codes, Column
from components.pretokenize.encoding import Encoders

Arrays = dict[str, NDArray[Any]]
EVERY = slice(None)  # batch
AUDIO = "audio"  # the column whose inputs are samples


@dataclass(frozen=True)
class GroupBuilder:
    """Builds the columns of groups and pairs from clips, embeddings, structure and tokenizers."""

    config: Config
    clips: Clips
    embeddings: Embeddings
    structures: Structures
    encoders: Encoders

    @cached_property
    def by_id(self) -> list[tuple[int, Clip]]:
        """All clips with their rows, in the order of clip ids."""
        return sorted(enumerate(self.clips), key=lambda pair: pair[1].clip_id)

    @cached_property
    def draw_weights(self) -> NDArray[np.float64]:
        """Draws of each clip in training relative to the mean."""
        return data.draw_weights(self.clips)

    def rows(self, fmt: Format) -> list[int]:
        """Return the clips of the group of `fmt`."""
        formats = self.config.formats
        frames = {fmt.frames, formats.long_frames} if fmt.frames == formats.clip_frames else {fmt.frames}
        return [row for row, clip in self.by_id if clip.frames in frames and clip.orientation == fmt.orientation]

    def pair_rows(self, stage: Stage) -> list[int]:
        """Return the clips of a stage's pairs, those stored large enough first; DataError if a split has none."""
        orientation, rows, limits = self.config.pairs.orientation, list[int](), self.config.pairs.limits(stage)
        for split, limit in limits.items() if limits["train"] else ():
            kind = ("video", orientation, split)
            found = [row for row, clip in self.by_id if (clip.kind, clip.orientation, clip.split) == kind]
            if not found:
                raise DataError(f"no {orientation} {split} video for super-resolution: change pretokenize.pairs")
            rows += sorted(found, key=lambda row: self.too_small(row, stage))[:limit]
        return rows

    def too_small(self, row: int, stage: Stage) -> bool:
        """Return True if a clip is stored smaller than a stage's output, so that its pair would lack detail."""
        clip, target = self.clips[row], self.config.hr_format(stage)
        return clip.height_px < target.height_px or clip.width_px < target.width_px

    def group(self, fmt: Format, rows: Sequence[int], scratch: Path) -> dict[str, Column]:
        """Return all columns of one format."""
        columns: Arrays = {}
        for span, codes in self._encoded(rows, fmt, fmt.name, partial(self._media, fmt)):
            _store(columns, span, codes, len(rows), scratch)
        clips = [self.clips[row] for row in rows]
        described: dict[str, Column] = {
            "start_s": np.array([clip.start_s for clip in clips]),
            "end_s": np.array([clip.end_s for clip in clips]),
            "motion": np.array([clip.motion for clip in clips], np.float32),
            "caption": [clip.caption for clip in clips],
            "audio_state": [clip.audio_state for clip in clips],
        }
        return self._common(rows, scratch) | described | columns

    def pairs(self, stage: Stage, rows: Sequence[int], scratch: Path) -> dict[str, Column]:
        """Return all columns of one super-resolution stage: codes at full and, by bicubic downscaling, half size."""
        target = self.config.hr_format(stage)
        columns: Arrays = {}
        for span, codes in self._encoded(rows, target, f"pairs of {stage}", partial(self._at_two_sizes, target)):
            _store(columns, span, codes, len(rows), scratch)
        return self._common(rows, scratch) | columns

    def _media(self, fmt: Format, batch: Sequence[int]) -> Arrays:
        """Return the tokenizer inputs of some clips of a group, by column."""
        frames_BTHWC = np.stack([self.clips.pixels(row, fmt) for row in batch])
        inputs: Arrays = {"visual": frames_BTHWC}
        if fmt.frames > 1:
            inputs[AUDIO] = np.stack([self.clips.samples(row, fmt.frames) for row in batch])
        if fmt.frames == self.config.formats.clip_frames:
            inputs["structure"] = np.stack([self._structure(row) for row in batch])
            for region in self.config.regions:
                masked = [regions.condition(frames_THWC, region) for frames_THWC in frames_BTHWC]
                inputs[CONDITION + region] = np.stack(masked)
        return inputs

    def _at_two_sizes(self, target: Format, batch: Sequence[int]) -> Arrays:
        """Return the tokenizer inputs of some super-resolution pairs, by column."""
        frames_BTHWC = np.stack([self.clips.pixels(row, target) for row in batch])
        return {"lr": ops.halved(frames_BTHWC), "hr": frames_BTHWC}

    def _structure(self, row: int) -> NDArray[np.uint8]:
        clip_id = self.clips[row].clip_id
        if clip_id not in self.structures:
            raise DataError(f"clip {clip_id} has no flow and depth: run estimate_structure on the same clips")
        return self.structures.pixels(clip_id)

    def _common(self, rows: Sequence[int], scratch: Path) -> dict[str, Column]:
        """Return the columns of every group: ids, split, weight, and text embeddings padded with zeros."""
        clips = [self.clips[row] for row in rows]
        positions = self.config.formats.text_tokens
        text_NSD = _mapped(scratch / "text", (len(clips), positions, self.embeddings.width), np.float16)
        length_N = np.zeros(len(clips), np.int32)
        for n, clip in enumerate(clips):
            if clip.caption:
                vectors = self.embeddings.lookup(clip.caption)[:positions]
                length_N[n] = len(vectors)
                text_NSD[n, : len(vectors)] = vectors
        return {
            "clip_id": [clip.clip_id for clip in clips],
            "split": [clip.split for clip in clips],
            "text": text_NSD,
            "text_length": length_N,
            "weight": self.draw_weights[list(rows)],
        }

    def encode(self, share: slice) -> None:
        """Encode a share of the batches of everything, for the cache alone."""
        for fmt in self.config.formats.all():
            for _ in self._encoded(self.rows(fmt), fmt, fmt.name, partial(self._media, fmt), share):
                pass
        for stage in get_args(Stage):
            target, rows = self.config.hr_format(stage), self.pair_rows(stage)
            for _ in self._encoded(rows, target, f"pairs of {stage}", partial(self._at_two_sizes, target), share):
                pass

    def _encoded(
        self,
        rows: Sequence[int],
        fmt: Format,
        label: str,
        read: Callable[[Sequence[int]], Arrays],
        share: slice = EVERY,
    ) -> Iterator[tuple[slice, dict[str, Codes]]]:
        """Yield the codes of `rows`, batch by batch; each batch is read while the previous one is encoded."""
        batches = list(ops.batches(rows, int(np.prod(self.encoders.latent(fmt))), self.config.batch_tokens))[share]
        if not batches:
            return
        with ThreadPoolExecutor(1, "reader") as reader:
            ahead = reader.submit(read, batches[0][1])
            for number, (span, _) in enumerate(progress(batches, total=len(batches), unit="batches", label=label), 1):
                inputs = ahead.result()
                if number < len(batches):
                    ahead = reader.submit(read, batches[number][1])
                yield (
                    span,
                    {
                        name: self.encoders.audio(values) if name == AUDIO else self.encoders.visual(values)
                        for name, values in inputs.items()
                    },
                )


def _store(columns: Arrays, span: slice, codes: dict[str, Codes], rows: int, scratch: Path) -> None:
    """Store a batch's codes in the columns, which the first batch creates in its shapes."""
    for name, values in codes.items():
        if name not in columns:
            columns[name] = _mapped(scratch / name, (rows, *values.shape[1:]), np.int32)
        columns[name][span] = values


def _mapped(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    return np.memmap(path, dtype, mode="w+", shape=shape) if np.prod(shape) else np.zeros(shape, dtype)
