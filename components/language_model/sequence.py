"""task and shape -> the layout of a sequence.

    <bos> <task> <bot_i> text <eot_i> <bov_i> visual in <eov_i> <boa_i> audio in <eoa_i> <res…>   prefix
    <bov_o> visual out <eov_o> <boa_o> audio out <eoa_o> <eos>                                     output

Every sequence of a (task, shape) group has the same layout, so a batch of them needs no padding. Parts that a task
lacks are left out with their markers; text keeps all its positions, and the empty ones are masked.

Shapes: B sequences, N positions, P of them in the prefix, S text positions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import torch
from torch import Tensor

from components.common.formats import orientation_of
from components.language_model.tasks import Task
from components.language_model.vocabulary import SPECIALS, Vocabulary

STRIDE_FRAMES: Final = 4  # video frames per latent frame after the first
Part = Literal["marker", "text", "frames", "masked", "structure", "audio", "visual_out", "audio_out"]
PARTS: Final[tuple[Part, ...]] = (
    "marker", "text", "frames", "masked", "structure", "audio", "visual_out", "audio_out",
)  # fmt: skip
AXES: Final = ("part", "frame", "row", "column", "level", "audio_frame")  # coordinates of a position; 0 is none


@dataclass(frozen=True)
class Shape:
    """Tokens of one format."""

    name: str
    latent: tuple[int, int, int]
    audio_frames: int

    def audio_frames_until(self, latent_frames: int) -> int:
        """Return the number of audio frames that last as long as the first `latent_frames`, rounded down."""
        seen, whole = (1 + STRIDE_FRAMES * (frames - 1) for frames in (latent_frames, self.latent[0]))
        return self.audio_frames * seen // whole


@dataclass(frozen=True)
class Segment:
    """Consecutive positions of one part."""

    part: Part
    start: int
    length: int

    @property
    def stop(self) -> int:
        """Position after the last one."""
        return self.start + self.length


@dataclass(frozen=True)
class OutputSpan:
    """Output positions that may only hold the ids of one range: the grammar of the output."""

    start: int
    length: int
    ids: range
    modality: Literal["visual", "audio"]


@dataclass(frozen=True, eq=False)
class SequenceLayout:
    """Positions of all parts of a sequence."""

    shape: Shape
    segments: tuple[Segment, ...]
    prefix: int
    ids: Tensor  # (N,) the markers; 0 where codes or text go
    positions: Tensor  # (N, 6) coordinates of each position, see AXES
    spans: tuple[OutputSpan, ...]

    def coordinates(self) -> tuple[Tensor, Tensor]:
        """Return rotary coordinates of queries and of keys, two of (N, 4) as order, time, row, column.

        Time counts latent frames, for audio too, so audio and video of one moment have one time. The query of an output
        position has the coordinates of the token that it predicts, so the same place of a condition is at distance 0.
        """
        _, frame, row, column, _, audio_frame = self.positions.float().unbind(dim=1)
        frames = 1 + STRIDE_FRAMES * (self.shape.latent[0] - 1)
        shown_frame = (audio_frame - 0.5) * frames / max(1, self.shape.audio_frames)  # the middle of an audio frame
        audio_time = 1 + (shown_frame - 1 + STRIDE_FRAMES / 2) / STRIDE_FRAMES
        time = torch.where(audio_frame > 0, audio_time, frame)
        key_NA = torch.stack([torch.arange(self.tokens, dtype=torch.float32), time, row, column], dim=1)
        query_NA = key_NA.clone()
        query_NA[self.prefix : -1, 1:] = key_NA[self.prefix + 1 :, 1:]
        return query_NA, key_NA

    @property
    def tokens(self) -> int:
        """Number of positions, N."""
        return len(self.ids)

    def mask(self) -> Tensor:
        """Return the attention mask (N, N): the prefix sees all of itself, the output all earlier positions."""
        position = torch.arange(self.tokens)
        return (position[None, :] <= position[:, None]) | (position < self.prefix)

    def filled(self, text_lengths_B: Tensor) -> Tensor:
        """Return which positions are filled, (B, N): all but empty text."""
        filled_BN = torch.ones(len(text_lengths_B), self.tokens, dtype=torch.bool, device=text_lengths_B.device)
        for segment in self.segments:
            if segment.part == "text":
                position = torch.arange(segment.length, device=text_lengths_B.device)
                filled_BN[:, segment.start : segment.stop] = position < text_lengths_B[:, None]
        return filled_BN

    def assemble(self, codes: Mapping[Part, Tensor], batch: int) -> Tensor:
        """Write ids of codes (B, n) into their parts; parts that `codes` lacks stay 0. Return ids (B, N)."""
        ids_BN = self.ids.repeat(batch, 1)
        for segment in self.segments:
            if segment.part in codes:
                ids_BN[:, segment.start : segment.stop] = codes[segment.part]
        return ids_BN


@lru_cache(maxsize=256)
def layout(task: Task, shape: Shape, given: int, text_tokens: int, vocabulary: Vocabulary) -> SequenceLayout:
    """Return the layout of a task for clips of `shape` with `given` leading latent frames in the prefix.

    Raises ValueError if the task cannot be given that many frames.
    """
    check_given(task, shape, given)
    builder = LayoutBuilder(vocabulary)
    builder.markers("<bos>", task.token)
    if task.text:
        builder.markers("<bot_i>").untracked("text", text_tokens).markers("<eot_i>")
    _inputs(builder, task, shape, given)
    prefix = len(builder.ids)
    if task.makes_visual:
        first = given if task.output_starts else 0
        builder.markers("<bov_o>").visual("visual_out", shape, range(first, shape.latent[0])).markers("<eov_o>")
    if task.makes_audio:
        first = shape.audio_frames_until(given) if task.audio == "start" else 0
        builder.markers("<boa_o>").audio("audio_out", range(first, shape.audio_frames)).markers("<eoa_o>")
    if task.ends:
        builder.markers("<eos>")
    with torch.inference_mode(False):  # layouts are cached, and training may use one that sampling built
        ids, positions = torch.tensor(builder.ids), torch.tensor(builder.positions)
    return SequenceLayout(shape, tuple(builder.segments), prefix, ids, positions, tuple(builder.spans))


def check_given(task: Task, shape: Shape, given: int) -> None:
    """Raise ValueError if `task` cannot be given `given` leading latent frames of a clip of `shape`."""
    frames = shape.latent[0]
    allowed: Iterable[int]
    match task.frames:
        case "none":
            allowed = (0, 1) if task.structure else (0,)
        case "first":
            allowed = (1,) if frames > 1 else ()
        case "any":
            allowed = range(1, frames)
        case "whole":
            allowed = (frames,)
    if given not in allowed:
        raise ValueError(f"{task.name}: {given} of {frames} latent frames given, possible are {list(allowed)}")


def _inputs(builder: "LayoutBuilder", task: Task, shape: Shape, given: int) -> None:
    if given or task.masked != "none" or task.structure:
        builder.markers("<bov_i>").visual("frames", shape, range(given))
        if task.masked != "none":
            builder.visual("masked", shape, range(shape.latent[0]))
        if task.structure:
            builder.visual("structure", shape, range(shape.latent[0]))
        builder.markers("<eov_i>")
    if task.audio != "none":
        stop = shape.audio_frames if task.audio == "whole" else shape.audio_frames_until(given)
        builder.markers("<boa_i>").audio("audio", range(stop)).markers("<eoa_i>")
    if orientation_of(shape.name) == "portrait":
        builder.markers("<res_portrait>")
    if shape.name.startswith("long"):
        builder.markers("<res_long>")


class LayoutBuilder:
    """A layout that is built position by position."""

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self.segments: list[Segment] = []
        self.ids: list[int] = []
        self.positions: list[tuple[int, ...]] = []
        self.spans: list[OutputSpan] = []

    def markers(self, *names: str) -> "LayoutBuilder":
        """Append structural tokens."""
        return self._write("marker", [SPECIALS[name] for name in names], [(0, 0, 0, 0, 0)] * len(names))

    def untracked(self, part: Part, length: int) -> "LayoutBuilder":
        """Append positions without coordinates."""
        return self._write(part, [0] * length, [(0, 0, 0, 0, 0)] * length)

    def visual(self, part: Part, shape: Shape, frames: range) -> "LayoutBuilder":
        """Append latent frames, row by row."""
        _, height, width = shape.latent
        positions = [(t + 1, h + 1, w + 1, 0, 0) for t in frames for h in range(height) for w in range(width)]
        if part == "visual_out" and positions:
            self.spans.append(OutputSpan(len(self.ids), len(positions), self.vocabulary.visual_ids, "visual"))
        return self._write(part, [0] * len(positions), positions)

    def audio(self, part: Part, frames: range) -> "LayoutBuilder":
        """Append audio, level by level."""
        for level in range(self.vocabulary.levels):
            if part == "audio_out" and frames:
                self.spans.append(OutputSpan(len(self.ids), len(frames), self.vocabulary.level_ids(level), "audio"))
            self._write(part, [0] * len(frames), [(0, 0, 0, level + 1, frame + 1) for frame in frames])
        return self

    def _write(self, part: Part, ids: list[int], coordinates: list[tuple[int, int, int, int, int]]) -> "LayoutBuilder":
        start = len(self.ids)
        if ids and self.segments and self.segments[-1].part == part:
            start = self.segments.pop().start
        self.ids += ids
        self.positions += [(PARTS.index(part), *values) for values in coordinates]
        if ids:
            self.segments.append(Segment(part, start, len(self.ids) - start))
        return self
