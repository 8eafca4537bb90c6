"""Small codes -> large codes, by filling in the likeliest tokens first (MaskGIT) under two guidances.

All tokens start hidden. Each step draws every hidden one, then keeps those it is surest of; how many follows a cosine.
Guidance (InstructPix2Pix) exaggerates what the small clip adds to nothing, and what the text adds to the small clip.

Shapes: B clips, T H W the large grid, h w the small one, S text positions, D text width, V values of a half code.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from components.nn.factorization import join
from components.super_resolution import ops
from components.super_resolution.config import Sampling
from components.super_resolution.model import Model


@torch.no_grad()
def upsample(
    model: Model, low_BThw: Tensor, text_BSD: Tensor, lengths_B: Tensor, *, settings: Sampling, seeds: Sequence[int]
) -> Tensor:
    """Return codes (B, T, 2h, 2w); `lengths` of 0 mean no text. Every clip draws from its own seed."""
    device, bits, grid = low_BThw.device, model.architecture.bits, model.architecture.grid
    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    codes_BN: Tensor = torch.zeros(len(low_BThw), grid[0] * grid[1] * grid[2], dtype=torch.int64, device=device)
    hidden_BN = torch.ones_like(codes_BN, dtype=torch.bool)
    counts = ops.reveals(codes_BN.shape[1], settings.steps)
    for step, count in enumerate(counts, start=1):
        high_BTHW, hidden_BTHW = codes_BN.unflatten(1, grid), hidden_BN.unflatten(1, grid)
        logits = guided_logits(model, high_BTHW, hidden_BTHW, low_BThw, text_BSD, lengths_B, settings)
        drawn = [draw(half.flatten(1, 3), settings.temperature, generators) for half in logits]
        sure_BN = drawn[0][1] + drawn[1][1]
        noise = settings.choice_temperature * (1 - step / len(counts))
        sure_BN = (sure_BN + noise * gumbel(sure_BN, generators)).masked_fill(~hidden_BN, -torch.inf)
        kept_BN = torch.zeros_like(hidden_BN).scatter_(1, sure_BN.topk(count, dim=1).indices, True)
        codes_BN = torch.where(kept_BN, join(torch.stack((drawn[0][0], drawn[1][0]), dim=-1), bits), codes_BN)
        hidden_BN = hidden_BN & ~kept_BN
    codes_BTHW: Tensor = codes_BN.unflatten(1, grid)
    return codes_BTHW


def guided_logits(
    model: Model,
    high_BTHW: Tensor,
    hidden_BTHW: Tensor,
    low_BThw: Tensor,
    text_BSD: Tensor,
    lengths_B: Tensor,
    settings: Sampling,
) -> list[Tensor]:
    """Logits of both halves: l(∅, ∅) + s_low [l(low, ∅) - l(∅, ∅)] + s_text [l(low, text) - l(low, ∅)].

    Only the terms that count are computed, so guidance 1, 1 is the plain conditional pass.
    """
    weights = {
        (False, False): 1 - settings.low_guidance,
        (True, False): settings.low_guidance - settings.text_guidance,
        (True, True): settings.text_guidance,
    }
    sums: list[Tensor] = []
    for (with_low, with_text), weight in weights.items():
        if weight:
            dropped_B = torch.full_like(lengths_B, not with_low, dtype=torch.bool)
            lengths = lengths_B if with_text else torch.zeros_like(lengths_B)
            terms = [weight * half for half in model(high_BTHW, hidden_BTHW, low_BThw, dropped_B, text_BSD, lengths)]
            sums = [total + term for total, term in zip(sums, terms, strict=True)] if sums else terms
    return sums


def draw(logits_BNV: Tensor, temperature: float, generators: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
    """Draw a value at every position; returns values and their log-probabilities (at temperature 1), both (B, N)."""
    logits_BNV = logits_BNV.float()
    noisy_BNV = logits_BNV + temperature * gumbel(logits_BNV, generators) if temperature else logits_BNV
    values_BN = noisy_BNV.argmax(dim=-1)
    return values_BN, logits_BNV.log_softmax(dim=-1).gather(-1, values_BN[..., None])[..., 0]


def gumbel(like: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Noise that turns a maximum into a draw from the softmax; each row from its own generator."""
    exponential = torch.empty_like(like, dtype=torch.float32)
    for row, generator in zip(exponential, generators, strict=True):
        row.exponential_(generator=generator)
    return -exponential.clamp_min(1e-20).log()
