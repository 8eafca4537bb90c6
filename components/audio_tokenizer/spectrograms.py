"""Spectrograms as images: originals above, reconstructions below.

Columns are time, rows frequency (low at the bottom), brightness decibels from 60 below full scale up.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from components.audio_tokenizer.spectra import analysis_window, mel

ANCHORS = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], dtype=np.float64)
DARKEST = 1e-3
GAP_PX = 4
ZOOM = 3


def spectrogram(wave_S: Tensor, sample_rate_hz: int) -> npt.NDArray[np.uint8]:
    """Return the log mel spectrogram as an RGB image (H, W, 3)."""
    mel_MT = mel(wave_S[None], sample_rate_hz, analysis_window(sample_rate_hz), 64)[0]
    level_MT = (mel_MT.clamp(DARKEST, 1).log10() / -np.log10(DARKEST) + 1).flip(0).numpy()
    steps = np.linspace(0, 1, len(ANCHORS))
    image = np.stack([np.interp(level_MT, steps, ANCHORS[:, channel]) for channel in range(3)], axis=-1)
    return image.round().astype(np.uint8).repeat(ZOOM, 0).repeat(ZOOM, 1)


def write_comparison(path: Path, pairs: Sequence[tuple[Tensor, Tensor]], sample_rate_hz: int) -> None:
    """Write a PNG: one column per (original, reconstruction), the original above."""
    columns = [np.concatenate(_stacked(*pair, sample_rate_hz)) for pair in pairs]
    gap = np.full((len(columns[0]), GAP_PX, 3), 255, dtype=np.uint8)
    sheet = np.concatenate([part for column in columns for part in (column, gap)][:-1], axis=1)
    Image.fromarray(sheet).save(path, optimize=False)


def _stacked(original_S: Tensor, made_S: Tensor, sample_rate_hz: int) -> list[npt.NDArray[np.uint8]]:
    """Return original, white line and reconstruction, all as wide as the original."""
    above, below = spectrogram(original_S, sample_rate_hz), spectrogram(made_S, sample_rate_hz)
    missing = above.shape[1] - below.shape[1]  # the remainder that fills no code frame
    return [
        above,
        np.full((GAP_PX, above.shape[1], 3), 255, dtype=np.uint8),
        np.pad(below, ((0, 0), (0, missing), (0, 0)), constant_values=255),
    ]
