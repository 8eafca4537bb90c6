"""The codec: waveform -> codes -> waveform.

Invariants: no code frame depends on a sample after it, no sample on a code frame after it; a remainder shorter than one
frame is cut, never padded (2.125 s at 16 kHz and hop 320 are 106 frames).
Shapes: B waveforms, S samples, F code frames, L levels, D latent width. Samples are in [-1, 1].
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from components.audio_tokenizer import layers
from components.audio_tokenizer.config import Architecture
from components.audio_tokenizer.quantizer import Quantized, ResidualQuantizer


class Reconstruction(NamedTuple):
    """A batch after the round trip."""

    wave: Tensor  # (B, S)
    latent: Tensor  # (B, F, D), before quantization
    quantized: Quantized | None


class Model(nn.Module):
    """SoundStream-type codec: causal encoder, residual quantizer, causal decoder."""

    def __init__(self, config: Architecture):
        super().__init__()
        self.config = config
        self.encoder = layers.encoder(config)
        self.quantizer = ResidualQuantizer(config.levels, config.codebook_size, config.latent_width)
        self.decoder = layers.decoder(config)

    def frames(self, samples: int) -> int:
        """Return the number of whole code frames in `samples`."""
        return samples // self.config.hop

    @torch.no_grad()
    def encode(self, wave_BS: Tensor) -> Tensor:
        """Return codes (B, L, F) in [0, codebook_size); samples after the last whole frame are left out."""
        codes_BLF: Tensor = self.quantizer.encode(self.latent(wave_BS))
        return codes_BLF

    @torch.no_grad()
    def decode(self, codes_BLF: Tensor) -> Tensor:
        """Return the waveform (B, F · hop); fewer levels than all give a coarser waveform."""
        return self.render(self.quantizer.decode(codes_BLF)).clamp(-1, 1)

    def latent(self, wave_BS: Tensor) -> Tensor:
        """Return the encoder's output (B, F, D)."""
        whole_BS = wave_BS[:, : self.frames(wave_BS.shape[1]) * self.config.hop]
        latent_BDF: Tensor = self.encoder(whole_BS[:, None])
        return latent_BDF.transpose(1, 2)

    def render(self, latent_BFD: Tensor) -> Tensor:
        """Return the decoder's output (B, F · hop)."""
        wave_B1S: Tensor = self.decoder(latent_BFD.transpose(1, 2))
        return wave_B1S[:, 0]

    def forward(self, wave_BS: Tensor, levels_B: Tensor, quantize: bool = True) -> Reconstruction:
        """Encode and decode with gradients; each waveform uses its own number of levels."""
        latent_BFD = self.latent(wave_BS)
        if not quantize:
            return Reconstruction(self.render(latent_BFD), latent_BFD, None)
        quantized: Quantized = self.quantizer(latent_BFD, levels_B)
        return Reconstruction(self.render(quantized.latent), latent_BFD, quantized)
