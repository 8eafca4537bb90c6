"""Residual vector quantization: each level codes the residual of the levels before it.

Invariant: latent = sum of the chosen codes + the last residual. Codebooks learn by moving averages of the vectors that
chose them; their state is buffers, and every draw takes the generator it is given, so a resumed run is exact.
Shapes: N vectors, D width, L levels, K codes, B waveforms, F code frames.
"""

from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from components.audio_tokenizer.config import Codebooks

T = TypeVar("T")


class Ranks(Protocol):
    """The processes that train together, such as `components.common.fit.strategy.Strategy`."""

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        ...

    def broadcast(self, value: T) -> T:
        """Return the first process's value in all of them."""
        ...


class Quantized(NamedTuple):
    """Latents rebuilt from codes, with the vectors that the codebooks learn from."""

    latent: Tensor  # (B, F, D): gradients pass straight through to the encoder
    commitment: Tensor  # mean square distance of each level's input to its code
    codes: Tensor  # (B, L, F)
    residuals: Tensor  # (B, L, F, D): input of each level


class ResidualQuantizer(nn.Module):
    """L codebooks of K vectors."""

    codebooks: Tensor  # (L, K, D)
    usage: Tensor  # (L, K), in units of even use: 1 is a fair share
    sums: Tensor  # (L, K, D): codebooks = sums / usage

    def __init__(self, levels: int, codebook_size: int, width: int):
        super().__init__()
        self.register_buffer("codebooks", torch.zeros(levels, codebook_size, width))
        self.register_buffer("usage", torch.ones(levels, codebook_size))
        self.register_buffer("sums", torch.zeros(levels, codebook_size, width))

    def encode(self, x_BFD: Tensor) -> Tensor:
        """Choose the nearest code level by level: (B, L, F)."""
        found: Quantized = self(x_BFD, torch.full((len(x_BFD),), len(self.codebooks), device=x_BFD.device))
        return found.codes

    def decode(self, codes_BLF: Tensor) -> Tensor:
        """Sum the codes of the levels given (the first of them may do): (B, F, D)."""
        levels = codes_BLF.shape[1]
        return torch.stack([F.embedding(codes_BLF[:, i], self.codebooks[i]) for i in range(levels)]).sum(0)

    def forward(self, x_BFD: Tensor, levels_B: Tensor) -> Quantized:
        """Quantize each waveform with its own number of levels; codes and residuals are given for all levels."""
        residual_BFD, total_BFD, codes, residuals, commitments = x_BFD, torch.zeros_like(x_BFD), [], [], []
        for level, codebook_KD in enumerate(self.codebooks):
            codes_BF = nearest(residual_BFD.flatten(0, 1), codebook_KD).view(x_BFD.shape[:2])
            chosen_BFD = F.embedding(codes_BF, codebook_KD)
            used_B11 = (level < levels_B)[:, None, None].to(x_BFD.dtype)
            commitments.append(((residual_BFD - chosen_BFD).square() * used_B11).mean())
            codes.append(codes_BF)
            residuals.append(residual_BFD.detach())
            total_BFD = total_BFD + used_B11 * chosen_BFD
            residual_BFD = residual_BFD - chosen_BFD
        straight_BFD = x_BFD + (total_BFD - x_BFD).detach()
        return Quantized(straight_BFD, torch.stack(commitments).sum(), torch.stack(codes, 1), torch.stack(residuals, 1))

    @torch.no_grad()
    def init_kmeans(self, x_ND: Tensor, settings: Codebooks, generator: torch.Generator, ranks: Ranks) -> None:
        """Initialize the codes by k-means of the vectors, level by level."""
        for level, codebook_KD in enumerate(self.codebooks):
            centers_KD = ranks.broadcast(draw(x_ND, len(codebook_KD), generator))
            for _ in range(settings.kmeans_iterations):
                counts_K, sums_KD = tally(x_ND, nearest(x_ND, centers_KD), len(codebook_KD), ranks)
                centers_KD = torch.where(counts_K[:, None] > 0, sums_KD / counts_K[:, None].clamp(min=1), centers_KD)
            codebook_KD.copy_(centers_KD)
            self.usage[level].fill_(1)
            self.sums[level].copy_(centers_KD)
            x_ND = x_ND - F.embedding(nearest(x_ND, centers_KD), centers_KD)

    @torch.no_grad()
    def update_codebooks(
        self, found: Quantized, levels_B: Tensor, settings: Codebooks, generator: torch.Generator, ranks: Ranks
    ) -> None:
        """Move each code toward the vectors that chose it, then replace the dead ones by vectors of the batch."""
        for level, codebook_KD in enumerate(self.codebooks):
            used_B = level < levels_B
            x_ND = found.residuals[used_B, level].flatten(0, 1)
            counts_K, sums_KD = tally(x_ND, found.codes[used_B, level].flatten(), len(codebook_KD), ranks)
            even = counts_K.sum() / len(counts_K)
            if even == 0:
                continue
            self.usage[level].lerp_(counts_K / even, 1 - settings.decay)
            self.sums[level].lerp_(sums_KD / even, 1 - settings.decay)
            dead_K = self.usage[level] < settings.dead_share
            fresh_KD = ranks.broadcast(draw(x_ND, len(codebook_KD), generator) if len(x_ND) else codebook_KD)
            self.usage[level].copy_(torch.where(dead_K, 1.0, self.usage[level]))
            self.sums[level].copy_(torch.where(dead_K[:, None], fresh_KD, self.sums[level]))
            codebook_KD.copy_(self.sums[level] / self.usage[level][:, None])


def nearest(x_ND: Tensor, codebook_KD: Tensor) -> Tensor:
    """Index of the code with the smallest distance to each vector."""
    distances_NK = codebook_KD.square().sum(1) - 2 * x_ND @ codebook_KD.T
    return distances_NK.argmin(1)


def tally(x_ND: Tensor, codes_N: Tensor, codes: int, ranks: Ranks) -> tuple[Tensor, Tensor]:
    """Return how many vectors chose each code (K), and their sum (K, D), over all processes."""
    hot_NK = F.one_hot(codes_N, codes).to(x_ND.dtype)
    counts_K = ranks.sum(hot_NK.sum(0))
    sums_KD = ranks.sum(hot_NK.T @ x_ND)
    return counts_K, sums_KD


def draw(x_ND: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Pick `count` vectors, each at most once more often than any other."""
    order_N = torch.randperm(len(x_ND), generator=generator)
    rounds = -(-count // len(x_ND))
    picked_K = order_N.repeat(rounds)[:count]
    return x_ND[picked_K.to(x_ND.device)]
