"""conditions -> sampled codes.

One pass over the prefix, then one position at a time with a cache of keys and values. The grammar of a sequence is
fixed, so structural tokens are written, never drawn, and a code is drawn from its own segment's rows only. Guidance
runs the sequences with and without text as one batch. Every sequence draws from its own seed, so its codes do not
depend on the rest of the batch (beyond the rounding of matrix products).

Shapes: B sequences, N positions, D text width, T H W a latent grid, L levels and F frames of audio, P parts of a code
and V values of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from components.language_model.config import SamplingConfig
from components.language_model.heads import FactorizedHead, FlatHead
from components.language_model.model import Model
from components.language_model.sequence import Part, SequenceLayout, Shape, layout
from components.language_model.tasks import Task
from components.language_model.vocabulary import Vocabulary
from components.nn.transformer import KeyValueCache


@dataclass(frozen=True)
class Conditions:
    """Inputs of a task as codes of the tokenizers; parts that the task does not take stay None."""

    text: Tensor | None = None  # float (B, N ≤ text_tokens, D), vectors of the text encoder
    text_lengths: Tensor | None = None  # int (B,), how many of the N are filled; 0 is no text
    frames: Tensor | None = None  # int (B, T, H, W): the leading latent frames; for video-to-audio the whole clip
    masked: Tensor | None = None  # int (B, T, H, W): codes of the masked pixels, the whole clip
    structure: Tensor | None = None  # int (B, T, H, W): codes of flow and depth, the whole clip
    audio: Tensor | None = None  # int (B, L, F): the whole audio; a continuation reads only its start


@dataclass(frozen=True)
class Outputs:
    """Whole clips and audio: given leading frames and given audio are followed by the sampled ones."""

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
    settings: SamplingConfig,
    seeds: Sequence[int],
) -> Outputs:
    """Sample one output per seed; `shape` is one of `model.shapes`.

    Raises ValueError if a condition is missing, not taken by the task, or of the wrong size.
    """
    given = 0 if conditions.frames is None else conditions.frames.shape[1]
    plan = layout(task, shape, given, model.token_spec.text_tokens, vocabulary)
    codes = _prefix_codes(vocabulary, task, shape, given, conditions)
    ids_BN = plan.assemble(codes, len(seeds)).to(model.norm.weight.device)
    decoder = _Decoder(model, plan, conditions, len(seeds), settings.guidance if task.text else 1.0)
    for span in plan.spans:
        head = model.head(span)
        noise_BNP = _noise(span.length, head.parts, seeds, span.start).to(ids_BN.device)
        for step, position in enumerate(range(span.start, span.start + span.length)):
            state_BD = decoder.feed(
                ids_BN[:, decoder.length : position]
            )  # the prefix first, then markers and the last code
            drawn_B = decoder.code(head, state_BD, noise_BNP[:, step], settings)
            ids_BN[:, position] = drawn_B + span.ids.start
    return _outputs(vocabulary, task, shape, given, conditions, plan, ids_BN)


def draw(logits_BV: Tensor, noise_B: Tensor, settings: SamplingConfig) -> Tensor:
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
    """Return the index (B, 1) at which the cumulative sum of `shares_BV` exceeds that part of its total."""
    reached_BV = shares_BV.cumsum(dim=-1)
    place_B1 = torch.searchsorted(reached_BV, noise_B.double()[:, None] * reached_BV[:, -1:], right=True)
    last_B1 = torch.searchsorted(reached_BV, reached_BV[:, -1:].contiguous())  # where the total is reached: never past
    return place_B1.minimum(last_B1)


class _Decoder:
    """State of incremental decoding: the position reached, and the cached keys and values."""

    def __init__(self, model: Model, plan: SequenceLayout, conditions: Conditions, batch: int, guidance: float):
        self.model, self.plan, self.guidance = model, plan, guidance
        self.text, lengths = conditions.text, conditions.text_lengths
        device, dtype = model.norm.weight.device, model.norm.weight.dtype
        if self.text is not None and lengths is not None:
            missing = model.token_spec.text_tokens - self.text.shape[1]
            self.text = torch.nn.functional.pad(self.text.to(device, dtype), (0, 0, 0, missing))
            lengths = lengths.to(device)
        self.copies = 2 if guidance != 1.0 else 1
        if self.copies == 2 and self.text is not None and lengths is not None:
            self.text, lengths = self.text.repeat(2, 1, 1), torch.cat([lengths, torch.zeros_like(lengths)])
        self.filled_BN = None if lengths is None else plan.filled(lengths)
        self.rotary_tables = model.rotary_tables(plan, device)
        self.position_ND = model.position_embedding(plan.positions.to(device))
        self.allowed_NN = plan.mask().to(device)
        heads, width = model.architecture.heads, model.architecture.width
        cache_shape = (self.copies * batch, heads, plan.tokens, width // heads)
        self.caches = [
            KeyValueCache(
                torch.empty(cache_shape, device=device, dtype=dtype),
                torch.empty(cache_shape, device=device, dtype=dtype),
            )
            for _ in model.blocks
        ]
        self.length = 0

    def feed(self, ids_BN: Tensor) -> Tensor:
        """Read the next positions; return the state (B, D) at the last one."""
        first, self.length = self.length, self.length + ids_BN.shape[1]
        x_BND = self.model.embed(self.plan, ids_BN.repeat(self.copies, 1), self.text, first)
        x_BND = x_BND + self.position_ND[first : self.length]
        state_BND = self.model.decode(
            x_BND, self.rotary_tables.between(first, self.length), self._mask(first), self.caches
        )
        return state_BND[:, -1]

    def code(
        self, head: FlatHead | FactorizedHead, state_BD: Tensor, noise_BP: Tensor, settings: SamplingConfig
    ) -> Tensor:
        """Draw the next code (B,), part by part; temperature, top_k and top_p apply to each part."""
        previous_parts: list[Tensor] = []
        for noise_B in noise_BP.unbind(dim=1):
            logits_BV = head.scores(state_BD, [part_B.repeat(self.copies) for part_B in previous_parts])
            previous_parts.append(draw(self._guided(logits_BV), noise_B, settings))
        return head.join(previous_parts)

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
    """Return uniform numbers (B, N, P), each row from its own seed."""
    rows = [torch.rand(length, parts, generator=torch.Generator().manual_seed(seed + start)) for seed in seeds]
    return torch.stack(rows)


def _prefix_codes(
    vocabulary: Vocabulary, task: Task, shape: Shape, given: int, conditions: Conditions
) -> dict[Part, Tensor]:
    """Return the ids of given codes; raises ValueError unless they are exactly those that the task takes."""
    wanted = {
        "text": task.text,
        "text_lengths": task.text,
        "frames": bool(given),
        "masked": task.masked != "none",
        "structure": task.structure,
        "audio": task.audio != "none",
    }
    if wrong := [name for name, want in wanted.items() if want != (getattr(conditions, name) is not None)]:
        raise ValueError(f"{task.name} takes {[name for name, want in wanted.items() if want]}; add or remove {wrong}")
    codes: dict[Part, Tensor] = {}
    if conditions.frames is not None:
        codes["frames"] = vocabulary.visual_to_ids(conditions.frames)
    if conditions.masked is not None:
        codes["masked"] = vocabulary.visual_to_ids(conditions.masked)
    if conditions.structure is not None:
        codes["structure"] = vocabulary.visual_to_ids(conditions.structure)
    if conditions.audio is not None:
        stop = shape.audio_frames if task.audio == "whole" else shape.audio_frames_until(given)
        codes["audio"] = vocabulary.audio_to_ids(conditions.audio[:, :, :stop])
    return codes


def _outputs(
    vocabulary: Vocabulary,
    task: Task,
    shape: Shape,
    given: int,
    conditions: Conditions,
    plan: SequenceLayout,
    ids_BN: Tensor,
) -> Outputs:
    """Cut the outputs from finished sequences and put the given codes in front."""
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
            if task.audio == "start" and conditions.audio is not None:
                audio = torch.cat([conditions.audio[:, :, : shape.audio_frames_until(given)].to(audio), audio], dim=2)
    return Outputs(visual, audio)
