"""The causal tokenizer: clips to grids of codes, and back.

1 + n·stride_t frames become 1 + n latent frames, each of height/stride_px × width/stride_px codes. The first code
frame is a function of the first frame alone, so an image has the tokens of a clip that begins with it.

Shapes: B clips, T frames, H height, W width, C channels; pixels in [-1, 1]; codes are int64 in [0, 2^bits).
"""

from torch import Tensor, nn
from torch.nn import functional as F

from components.visual_tokenizer import lfq
from components.visual_tokenizer.config import Architecture
from components.visual_tokenizer.layers import (
    AdaptiveNorm,
    CausalConv3d,
    FrameNorm,
    Memory,
    ResidualBlock,
    Triple,
    Upsample,
    depth_to_space,
    space_to_depth,
)


class Encoder(nn.Module):
    """Pixels to one latent vector of `codebook_bits` numbers per token."""

    def __init__(self, config: Architecture):
        super().__init__()
        self.patch_px, widths, kernel = config.stem_px, config.widths, _kernel(config)
        self.stem = CausalConv3d(3 * self.patch_px**2, widths[0], kernel)
        body: list[nn.Module] = []
        for level, width in enumerate(widths):
            body += [ResidualBlock(width, width, kernel, config.groups) for _ in range(config.blocks)]
            if level + 1 < len(widths):
                body.append(CausalConv3d(width, widths[level + 1], kernel, _stride(config, level)))
        body += [ResidualBlock(widths[-1], widths[-1], kernel, config.groups) for _ in range(config.middle_blocks)]
        self.body = nn.ModuleList(body)
        self.norm = FrameNorm(widths[-1], config.groups)
        self.head = nn.Conv3d(widths[-1], config.codebook_bits, 1)

    def forward(self, x_BCTHW: Tensor, memory: Memory | None = None) -> Tensor:
        h_BCTHW = self.stem(space_to_depth(x_BCTHW, self.patch_px), memory)
        for layer in self.body:
            h_BCTHW = layer(h_BCTHW, memory)
        z_BCTHW: Tensor = self.head(F.silu(self.norm(h_BCTHW)))
        return z_BCTHW


class Decoder(nn.Module):
    """Codes as vectors of ±1 to pixels: the encoder's mirror, with an adaptive normalization before each level."""

    def __init__(self, config: Architecture):
        super().__init__()
        widths, kernel, codes = config.widths[::-1], _kernel(config), config.codebook_bits
        self.patch_px = config.stem_px
        self.stem = CausalConv3d(codes, widths[0], kernel)
        body: list[nn.Module] = [
            ResidualBlock(widths[0], widths[0], kernel, config.groups) for _ in range(config.middle_blocks)
        ]
        stride_t = 1
        for level, width in enumerate(widths):
            body.append(AdaptiveNorm(width, config.groups, codes, stride_t))
            body += [ResidualBlock(width, width, kernel, config.groups) for _ in range(config.blocks)]
            if level + 1 < len(widths):
                stride = _stride(config, len(widths) - 2 - level)
                body.append(Upsample(width, widths[level + 1], kernel, stride))
                stride_t *= stride[0]
        self.body = nn.ModuleList(body)
        self.norm = FrameNorm(widths[-1], config.groups)
        self.head = CausalConv3d(widths[-1], 3 * self.patch_px**2, kernel)

    def forward(self, codes_BCTHW: Tensor, memory: Memory | None = None) -> Tensor:
        h_BCTHW = self.stem(codes_BCTHW, memory)
        for layer in self.body:
            h_BCTHW = layer(h_BCTHW, codes_BCTHW if isinstance(layer, AdaptiveNorm) else memory)
        h_BCTHW = self.head(F.silu(self.norm(h_BCTHW)), memory)
        return depth_to_space(h_BCTHW, (1, self.patch_px, self.patch_px))


class Model(nn.Module):
    """Encoder, look-up-free codes, decoder.

    `encode` and `decode` take a clip whole, or in pieces with one `Memory` for all of them: the first of 1 + n·stride_t
    frames (1 + n code frames), the others of n·stride_t (n).
    """

    def __init__(self, config: Architecture):
        super().__init__()
        self.config = config
        self.encoder, self.decoder = Encoder(config), Decoder(config)

    def forward(self, x_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruct in training: (pixels, latents before their signs are taken)."""
        z_BCTHW = self.encoder(x_BCTHW)
        return self.decoder(lfq.signs(z_BCTHW)), z_BCTHW

    def encode(self, x_BCTHW: Tensor, memory: Memory | None = None) -> Tensor:
        """Return the tokens of a clip, B,T,H,W on the latent grid."""
        return lfq.ids(self.encoder(x_BCTHW, memory))

    def decode(self, codes_BTHW: Tensor, memory: Memory | None = None) -> Tensor:
        """Return the pixels of a grid of tokens, B,C,T,H,W, clamped to [-1, 1]."""
        x_BCTHW: Tensor = self.decoder(lfq.vectors(codes_BTHW, self.config.codebook_bits), memory)
        return x_BCTHW.float().clamp(-1, 1)

    def latent(self, frames: int, height_px: int, width_px: int) -> tuple[int, int, int]:
        """Return the token grid of a clip of that size."""
        return self.config.latent(frames, height_px, width_px)


def _kernel(config: Architecture) -> Triple:
    return config.kernel_t, 3, 3


def _stride(config: Architecture, level: int) -> Triple:
    return config.strides_t[level], config.strides_px[level], config.strides_px[level]
