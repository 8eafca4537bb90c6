"""Low-resolution codes -> high-resolution codes, by MaskGIT decoding with two guidance weights.

All tokens start masked. Each step draws every masked one, then keeps the most confident draws; their number follows a
cosine. Guidance (InstructPix2Pix) amplifies the effect of the low-resolution clip, and that of the text given this
clip.

Shapes: B clips, T H W the high-resolution grid (hr), h w the low-resolution one (lr), S text positions, D text width,
V values of a factor.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from components.nn.factorization import join
from components.super_resolution import ops
from components.super_resolution.config import UpsamplingConfig
from components.super_resolution.model import Model


@torch.no_grad()
def upsample(
    model: Model,
    lr_BThw: Tensor,
    text_BSD: Tensor,
    lengths_B: Tensor,
    *,
    settings: UpsamplingConfig,
    seeds: Sequence[int],
) -> Tensor:
    """Return codes (B, T, 2h, 2w); `lengths` of 0 mean no text. Every clip draws from its own seed."""
    device, bits, grid = lr_BThw.device, model.architecture.bits, model.architecture.grid
    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
    codes_BN: Tensor = torch.zeros(len(lr_BThw), grid[0] * grid[1] * grid[2], dtype=torch.int64, device=device)
    masked_BN = torch.ones_like(codes_BN, dtype=torch.bool)
    counts = ops.unmask_schedule(codes_BN.shape[1], settings.steps)
    for step, count in enumerate(counts, start=1):
        hr_BTHW, masked_BTHW = codes_BN.unflatten(1, grid), masked_BN.unflatten(1, grid)
        logits = guided_logits(model, hr_BTHW, masked_BTHW, lr_BThw, text_BSD, lengths_B, settings)
        drawn = [draw(factor.flatten(1, 3), settings.temperature, generators) for factor in logits]
        confidence_BN = drawn[0][1] + drawn[1][1]
        noise = settings.choice_temperature * (1 - step / len(counts))
        confidence_BN = (confidence_BN + noise * gumbel(confidence_BN, generators)).masked_fill(~masked_BN, -torch.inf)
        kept_BN = torch.zeros_like(masked_BN).scatter_(1, confidence_BN.topk(count, dim=1).indices, True)
        codes_BN = torch.where(kept_BN, join(torch.stack((drawn[0][0], drawn[1][0]), dim=-1), bits), codes_BN)
        masked_BN = masked_BN & ~kept_BN
    codes_BTHW: Tensor = codes_BN.unflatten(1, grid)
    return codes_BTHW


def guided_logits(
    model: Model,
    hr_BTHW: Tensor,
    masked_BTHW: Tensor,
    lr_BThw: Tensor,
    text_BSD: Tensor,
    lengths_B: Tensor,
    settings: UpsamplingConfig,
) -> list[Tensor]:
    """Return the logits of both factors: l(∅, ∅) + s_lr [l(lr, ∅) - l(∅, ∅)] + s_text [l(lr, text) - l(lr, ∅)].

    Terms of weight 0 are skipped, so guidance 1, 1 is the plain conditional pass.
    """
    weights = {
        (False, False): 1 - settings.lr_guidance,
        (True, False): settings.lr_guidance - settings.text_guidance,
        (True, True): settings.text_guidance,
    }
    sums: list[Tensor] = []
    for (with_lr, with_text), weight in weights.items():
        if weight:
            dropped_B = torch.full_like(lengths_B, not with_lr, dtype=torch.bool)
            lengths = lengths_B if with_text else torch.zeros_like(lengths_B)
            terms = [weight * factor for factor in model(hr_BTHW, masked_BTHW, lr_BThw, dropped_B, text_BSD, lengths)]
            sums = [total + term for total, term in zip(sums, terms, strict=True)] if sums else terms
    return sums


def draw(logits_BNV: Tensor, temperature: float, generators: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
    """Draw a value at every position; return values and their log-probabilities (at temperature 1), both (B, N)."""
    logits_BNV = logits_BNV.float()
    noisy_BNV = logits_BNV + temperature * gumbel(logits_BNV, generators) if temperature else logits_BNV
    values_BN = noisy_BNV.argmax(dim=-1)
    return values_BN, logits_BNV.log_softmax(dim=-1).gather(-1, values_BN[..., None])[..., 0]


def gumbel(like: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Return Gumbel noise, which turns an argmax into a draw from the softmax; each row from its own generator."""
    exponential = torch.empty_like(like, dtype=torch.float32)
    for row, generator in zip(exponential, generators, strict=True):
        row.exponential_(generator=generator)
    return -exponential.clamp_min(1e-20).log()
