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

from components.language_model.tasks import Task
from components.language_model.vocabulary import SPECIALS, Vocabulary

STRIDE_FRAMES: Final = 4  # video frames per latent frame after the first
Part = Literal["marker", "text", "frames", "masked", "structure", "sound", "visual_out", "audio_out"]
PARTS: Final[tuple[Part, ...]] = (
    "marker", "text", "frames", "masked", "structure", "sound", "visual_out", "audio_out",
)  # fmt: skip
PLACES: Final = ("part", "frame", "row", "column", "level", "sound_frame")  # a position's coordinates; 0 is none


@dataclass(frozen=True)
class Shape:
    """Tokens of one format."""

    name: str
    latent: tuple[int, int, int]
    audio_frames: int

    def sound_of(self, latent_frames: int) -> int:
        """Sound frames that last as long as the first `latent_frames`, rounded down."""
        seen, whole = (1 + STRIDE_FRAMES * (frames - 1) for frames in (latent_frames, self.latent[0]))
        return self.audio_frames * seen // whole


@dataclass(frozen=True)
class Segment:
    """Neighbouring positions of one part."""

    part: Part
    start: int
    length: int

    @property
    def stop(self) -> int:
        """The position behind the last one."""
        return self.start + self.length


@dataclass(frozen=True)
class Run:
    """Output positions that may only hold the ids of one range: the grammar of the output."""

    start: int
    length: int
    ids: range
    modality: Literal["visual", "audio"]


@dataclass(frozen=True, eq=False)
class Layout:
    """Where everything stands in a sequence."""

    shape: Shape
    segments: tuple[Segment, ...]
    prefix: int
    ids: Tensor  # (N,) the markers; 0 where codes or text go
    places: Tensor  # (N, 6) coordinates of each position, see PLACES
    runs: tuple[Run, ...]

    def coordinates(self) -> tuple[Tensor, Tensor]:
        """Where each position looks from, and where it lies: two of (N, 4) as order, time, row, column.

        Time counts latent frames, for sound too, so what is heard lies where it is seen. A position of the output looks
        from the place that it predicts: the same place in a condition is then no distance away.
        """
        _, frame, row, column, _, sound_frame = self.places.float().unbind(dim=1)
        frames = 1 + STRIDE_FRAMES * (self.shape.latent[0] - 1)
        shown_frame = (sound_frame - 0.5) * frames / max(1, self.shape.audio_frames)  # in the middle of a sound frame
        heard = 1 + (shown_frame - 1 + STRIDE_FRAMES / 2) / STRIDE_FRAMES
        time = torch.where(sound_frame > 0, heard, frame)
        lies_NA = torch.stack([torch.arange(self.tokens, dtype=torch.float32), time, row, column], dim=1)
        looks_NA = lies_NA.clone()
        looks_NA[self.prefix : -1, 1:] = lies_NA[self.prefix + 1 :, 1:]
        return looks_NA, lies_NA

    @property
    def tokens(self) -> int:
        """Positions in all, N."""
        return len(self.ids)

    def mask(self) -> Tensor:
        """Who may attend to whom, (N, N): the prefix to all of itself, the output to what stands before it."""
        position = torch.arange(self.tokens)
        return (position[None, :] <= position[:, None]) | (position < self.prefix)

    def filled(self, text_lengths_B: Tensor) -> Tensor:
        """Which positions hold something, (B, N): all but empty text."""
        filled_BN = torch.ones(len(text_lengths_B), self.tokens, dtype=torch.bool, device=text_lengths_B.device)
        for segment in self.segments:
            if segment.part == "text":
                place = torch.arange(segment.length, device=text_lengths_B.device)
                filled_BN[:, segment.start : segment.stop] = place < text_lengths_B[:, None]
        return filled_BN

    def assemble(self, codes: Mapping[Part, Tensor], batch: int) -> Tensor:
        """Put ids of codes (B, n) into their parts; parts that `codes` lacks stay 0. Returns ids (B, N)."""
        ids_BN = self.ids.repeat(batch, 1)
        for segment in self.segments:
            if segment.part in codes:
                ids_BN[:, segment.start : segment.stop] = codes[segment.part]
        return ids_BN


@lru_cache(maxsize=256)
def layout(task: Task, shape: Shape, given: int, text_tokens: int, vocabulary: Vocabulary) -> Layout:
    """Lay a task out for clips of `shape` with `given` leading latent frames in the prefix.

    Raises ValueError if the task cannot be given that many frames.
    """
    check_given(task, shape, given)
    rows = _Rows(vocabulary)
    rows.markers("<bos>", task.token)
    if task.text:
        rows.markers("<bot_i>").plain("text", text_tokens).markers("<eot_i>")
    _inputs(rows, task, shape, given)
    prefix = len(rows.ids)
    if task.makes_visual:
        first = given if task.output_starts else 0
        rows.markers("<bov_o>").visual("visual_out", shape, range(first, shape.latent[0])).markers("<eov_o>")
    if task.makes_audio:
        first = shape.sound_of(given) if task.sound == "start" else 0
        rows.markers("<boa_o>").audio("audio_out", range(first, shape.audio_frames)).markers("<eoa_o>")
    if task.ends:
        rows.markers("<eos>")
    with torch.inference_mode(False):  # layouts are kept, and training may use one that sampling made
        ids, places = torch.tensor(rows.ids), torch.tensor(rows.places)
    return Layout(shape, tuple(rows.segments), prefix, ids, places, tuple(rows.runs))


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


def _inputs(rows: "_Rows", task: Task, shape: Shape, given: int) -> None:
    if given or task.masked != "none" or task.structure:
        rows.markers("<bov_i>").visual("frames", shape, range(given))
        if task.masked != "none":
            rows.visual("masked", shape, range(shape.latent[0]))
        if task.structure:
            rows.visual("structure", shape, range(shape.latent[0]))
        rows.markers("<eov_i>")
    if task.sound != "none":
        stop = shape.audio_frames if task.sound == "whole" else shape.sound_of(given)
        rows.markers("<boa_i>").audio("sound", range(stop)).markers("<eoa_i>")
    rows.markers(*(f"<res_{name}>" for name in ("portrait", "long") if name in shape.name))


class _Rows:
    """A layout while it is written down, position by position."""

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self.segments: list[Segment] = []
        self.ids: list[int] = []
        self.places: list[tuple[int, ...]] = []
        self.runs: list[Run] = []

    def markers(self, *names: str) -> "_Rows":
        """Write structural tokens."""
        return self._write("marker", [SPECIALS[name] for name in names], [(0, 0, 0, 0, 0)] * len(names))

    def plain(self, part: Part, length: int) -> "_Rows":
        """Leave room for something without coordinates."""
        return self._write(part, [0] * length, [(0, 0, 0, 0, 0)] * length)

    def visual(self, part: Part, shape: Shape, frames: range) -> "_Rows":
        """Leave room for latent frames, row by row."""
        _, height, width = shape.latent
        places = [(t + 1, h + 1, w + 1, 0, 0) for t in frames for h in range(height) for w in range(width)]
        if part == "visual_out" and places:
            self.runs.append(Run(len(self.ids), len(places), self.vocabulary.visual_ids, "visual"))
        return self._write(part, [0] * len(places), places)

    def audio(self, part: Part, frames: range) -> "_Rows":
        """Leave room for sound, level by level."""
        for level in range(self.vocabulary.levels):
            if part == "audio_out" and frames:
                self.runs.append(Run(len(self.ids), len(frames), self.vocabulary.level_ids(level), "audio"))
            self._write(part, [0] * len(frames), [(0, 0, 0, level + 1, frame + 1) for frame in frames])
        return self

    def _write(self, part: Part, ids: list[int], places: list[tuple[int, int, int, int, int]]) -> "_Rows":
        start = len(self.ids)
        if ids and self.segments and self.segments[-1].part == part:
            start = self.segments.pop().start
        self.ids += ids
        self.places += [(PARTS.index(part), *place) for place in places]
        if ids:
            self.segments.append(Segment(part, start, len(self.ids) - start))
        return self
