"""conditions -> sampled codes.

One pass over the prefix, then one position at a time through a cache of keys and values. The grammar of a sequence is
fixed, so structural tokens are written, never drawn, and a code is drawn from its own segment's rows only. Guidance
runs the sequences with and without text as one batch. Every sequence draws from its own seed, so what it becomes does
not depend on what else is in the batch (beyond the rounding of matrix products).

Shapes: B sequences, N positions, D text width, T H W a latent grid, L levels and F frames of sound, P parts of a code
and V values of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from components.language_model.heads import Flat, Halves
from components.language_model.model import Model
from components.language_model.sequence import Layout, Part, Shape, layout
from components.language_model.tasks import Task
from components.language_model.vocabulary import Vocabulary
from components.nn.transformer import KeyValueCache


@dataclass(frozen=True)
class Sampling:
    """How the next code is drawn; from a head of halves, how each half is."""

    guidance: float  # 1 follows the text as learned, more exaggerates it; only tasks with text use it
    temperature: float  # 0 takes the likeliest code
    top_k: int  # 0 keeps all codes
    top_p: float  # 1 keeps all codes

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise ValueError(f"sampling: temperature and top_k must not be negative, and 0 < top_p ≤ 1: {self}")


@dataclass(frozen=True)
class Conditions:
    """What the task is given, as codes of the tokenizers; parts that the task does not take stay None."""

    text: Tensor | None = None  # float (B, N ≤ text_tokens, D), vectors of the text encoder
    text_lengths: Tensor | None = None  # int (B,), how many of the N are filled; 0 is no text
    frames: Tensor | None = None  # int (B, T, H, W): the leading latent frames; for video-to-audio the whole clip
    masked: Tensor | None = None  # int (B, T, H, W): codes of the masked pixels, the whole clip
    structure: Tensor | None = None  # int (B, T, H, W): codes of flow and depth, the whole clip
    audio: Tensor | None = None  # int (B, L, F): the whole sound; a continuation reads only its start


@dataclass(frozen=True)
class Outputs:
    """Whole clips and sounds: what was given as leading frames or first sound stands in front of what was made."""

    visual: Tensor | None  # int (B, T, H, W)
    audio: Tensor | None  # int (B, L, F)


@torch.inference_mode()
def sample(
    model: Model,
    vocabulary: Vocabulary,
    task: Task,
    shape: Shape,
    conditions: Conditions,
    *,
    settings: Sampling,
    seeds: Sequence[int],
) -> Outputs:
    """Sample one output per seed; `shape` is one of `model.shapes`.

    Raises ValueError if a condition is missing, not wanted by the task, or of the wrong size.
    """
    given = 0 if conditions.frames is None else conditions.frames.shape[1]
    plan = layout(task, shape, given, model.facts.text_tokens, vocabulary)
    codes = _prefix_codes(vocabulary, task, shape, given, conditions)
    ids_BN = plan.assemble(codes, len(seeds)).to(model.norm.weight.device)
    decoder = _Decoder(model, plan, conditions, len(seeds), settings.guidance if task.text else 1.0)
    for run in plan.runs:
        head = model.head(run)
        noise_BNP = _noise(run.length, head.parts, seeds, run.start).to(ids_BN.device)
        for step, position in enumerate(range(run.start, run.start + run.length)):
            state_BD = decoder.feed(ids_BN[:, decoder.length : position])  # the prefix first, markers where they stand
            drawn_B = decoder.code(head, state_BD, noise_BNP[:, step], settings)
            ids_BN[:, position] = drawn_B + run.ids.start
    return _outputs(vocabulary, task, shape, given, conditions, plan, ids_BN)


def draw(logits_BV: Tensor, noise_B: Tensor, settings: Sampling) -> Tensor:
    """Draw one index a row by inverting the cumulative probabilities at `noise_B`, uniform in [0, 1)."""
    if settings.temperature == 0:
        return logits_BV.argmax(dim=-1)
    scores_BV = logits_BV.double() / settings.temperature
    if not settings.top_k and settings.top_p == 1:
        return _invert(scores_BV.softmax(dim=-1), noise_B)[:, 0]
    kept = min(settings.top_k or scores_BV.shape[-1], scores_BV.shape[-1])
    scores_BK, order_BK = scores_BV.topk(kept, dim=-1)  # the likeliest first
    shares_BK = scores_BK.softmax(dim=-1)
    before_BK = shares_BK.cumsum(dim=-1) - shares_BK
    shares_BK = shares_BK.where(before_BK < settings.top_p, 0.0)
    return order_BK.gather(1, _invert(shares_BK, noise_B))[:, 0]


def _invert(shares_BV: Tensor, noise_B: Tensor) -> Tensor:
    """The index (B, 1) at which the running sum of `shares_BV` passes that part of its total."""
    reached_BV = shares_BV.cumsum(dim=-1)
    place_B1 = torch.searchsorted(reached_BV, noise_B.double()[:, None] * reached_BV[:, -1:], right=True)
    last_B1 = torch.searchsorted(reached_BV, reached_BV[:, -1:].contiguous())  # where the total is reached: never past
    return place_B1.minimum(last_B1)


class _Decoder:
    """A model in the middle of a sequence: how far it has read, and what it remembers of it."""

    def __init__(self, model: Model, plan: Layout, conditions: Conditions, batch: int, guidance: float):
        self.model, self.plan, self.guidance = model, plan, guidance
        self.text, lengths = conditions.text, conditions.text_lengths
        device, dtype = model.norm.weight.device, model.norm.weight.dtype
        if self.text is not None and lengths is not None:
            missing = model.facts.text_tokens - self.text.shape[1]
            self.text = torch.nn.functional.pad(self.text.to(device, dtype), (0, 0, 0, missing))
            lengths = lengths.to(device)
        self.copies = 2 if guidance != 1.0 else 1
        if self.copies == 2 and self.text is not None and lengths is not None:
            self.text, lengths = self.text.repeat(2, 1, 1), torch.cat([lengths, torch.zeros_like(lengths)])
        self.filled_BN = None if lengths is None else plan.filled(lengths)
        self.angles = model.angles(plan, device)
        self.places_ND = model.places(plan.places.to(device))
        self.allowed_NN = plan.mask().to(device)
        heads, width = model.architecture.heads, model.architecture.width
        room = (self.copies * batch, heads, plan.tokens, width // heads)
        self.caches = [
            KeyValueCache(torch.empty(room, device=device, dtype=dtype), torch.empty(room, device=device, dtype=dtype))
            for _ in model.blocks
        ]
        self.length = 0

    def feed(self, ids_BN: Tensor) -> Tensor:
        """Read the next positions; returns the state (B, D) at the last one."""
        first, self.length = self.length, self.length + ids_BN.shape[1]
        x_BND = self.model.embed(self.plan, ids_BN.repeat(self.copies, 1), self.text, first)
        x_BND = x_BND + self.places_ND[first : self.length]
        state_BND = self.model.run(x_BND, self.angles.between(first, self.length), self._mask(first), self.caches)
        return state_BND[:, -1]

    def code(self, head: Flat | Halves, state_BD: Tensor, noise_BP: Tensor, settings: Sampling) -> Tensor:
        """Draw what comes next (B,), part by part; temperature, top_k and top_p apply to each part."""
        told: list[Tensor] = []
        for noise_B in noise_BP.unbind(dim=1):
            logits_BV = head.scores(state_BD, [part_B.repeat(self.copies) for part_B in told])
            told.append(draw(self._guided(logits_BV), noise_B, settings))
        return head.join(told)

    def _guided(self, logits_BV: Tensor) -> Tensor:
        if self.copies == 1:
            return logits_BV
        with_text, without = logits_BV.chunk(2)
        return without + self.guidance * (with_text - without)

    def _mask(self, first: int) -> Tensor | None:
        alone = self.length - first == 1  # a single new position may see all before it
        if self.filled_BN is not None:
            seen = self.filled_BN[:, None, None, : self.length]
            return seen if alone else seen & self.allowed_NN[first : self.length, : self.length]
        return None if alone else self.allowed_NN[first : self.length, : self.length]


def _noise(length: int, parts: int, seeds: Sequence[int], start: int) -> Tensor:
    """Uniform numbers (B, N, P), each row from its own seed."""
    rows = [torch.rand(length, parts, generator=torch.Generator().manual_seed(seed + start)) for seed in seeds]
    return torch.stack(rows)


def _prefix_codes(
    vocabulary: Vocabulary, task: Task, shape: Shape, given: int, conditions: Conditions
) -> dict[Part, Tensor]:
    """Ids of what is given; raises ValueError unless it is exactly what the task takes."""
    wanted = {
        "text": task.text,
        "text_lengths": task.text,
        "frames": bool(given),
        "masked": task.masked != "none",
        "structure": task.structure,
        "audio": task.sound != "none",
    }
    if wrong := [name for name, want in wanted.items() if want != (getattr(conditions, name) is not None)]:
        raise ValueError(f"{task.name} takes {[name for name, want in wanted.items() if want]}; mend {wrong}")
    codes: dict[Part, Tensor] = {}
    if conditions.frames is not None:
        codes["frames"] = vocabulary.visual_to_ids(conditions.frames)
    if conditions.masked is not None:
        codes["masked"] = vocabulary.visual_to_ids(conditions.masked)
    if conditions.structure is not None:
        codes["structure"] = vocabulary.visual_to_ids(conditions.structure)
    if conditions.audio is not None:
        stop = shape.audio_frames if task.sound == "whole" else shape.sound_of(given)
        codes["sound"] = vocabulary.audio_to_ids(conditions.audio[:, :, :stop])
    return codes


def _outputs(
    vocabulary: Vocabulary,
    task: Task,
    shape: Shape,
    given: int,
    conditions: Conditions,
    plan: Layout,
    ids_BN: Tensor,
) -> Outputs:
    """Cut the outputs from finished sequences and put what was given in front."""
    visual = audio = None
    _, height, width = shape.latent
    for segment in plan.segments:
        ids = ids_BN[:, segment.start : segment.stop]
        if segment.part == "visual_out":
            visual = vocabulary.ids_to_visual(ids, (segment.length // (height * width), height, width))
            if task.output_starts and conditions.frames is not None:
                visual = torch.cat([conditions.frames.to(visual), visual], dim=1)
        if segment.part == "audio_out":
            audio = vocabulary.ids_to_audio(ids)
            if task.sound == "start" and conditions.audio is not None:
                audio = torch.cat([conditions.audio[:, :, : shape.sound_of(given)].to(audio), audio], dim=2)
    return Outputs(visual, audio)
