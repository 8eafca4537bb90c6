"""Metrics of a trained codec on held-out waveforms, beside those of silence."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from components.audio_tokenizer import spectra
from components.audio_tokenizer.data import equal_batches
from components.audio_tokenizer.model import Model

BATCH = 16


@torch.no_grad()
def measure(model: Model, waves: Sequence[npt.NDArray[np.float32]], sample_rate_hz: int) -> dict[str, float]:
    """Return means over the waveforms; a remainder shorter than a code frame is left out.

    `mel_l1_level_N` uses the first N levels only; `codes_used_level_N` is the share of codes that occur at all.
    """
    levels, hop = model.config.levels, model.config.hop
    sums: dict[str, float] = {}
    total = 0
    seen_LK = torch.zeros(levels, model.config.codebook_size, dtype=torch.bool)
    for wave_BS in equal_batches(waves, BATCH):
        true_BS = wave_BS[:, : model.frames(wave_BS.shape[1]) * hop]
        codes_BLF = model.encode(true_BS)
        for level in range(levels):
            seen_LK[level, codes_BLF[:, level].unique()] = True
        for name, value in _scores(model, true_BS, codes_BLF, sample_rate_hz).items():
            sums[name] = sums.get(name, 0.0) + value * len(true_BS)
        total += len(true_BS)
    metrics = {name: value / total for name, value in sums.items()}
    metrics["mel_l1_ratio"] = metrics["mel_l1"] / max(metrics["mel_l1_silence"], 1e-9)
    return metrics | {f"codes_used_level_{level + 1}": float(seen_LK[level].float().mean()) for level in range(levels)}


def _scores(model: Model, true_BS: Tensor, codes_BLF: Tensor, sample_rate_hz: int) -> dict[str, float]:
    scores = {}
    for levels in range(1, model.config.levels + 1):
        made_BS = model.decode(codes_BLF[:, :levels])
        scores[f"mel_l1_level_{levels}"] = spectra.mel_l1(made_BS, true_BS, sample_rate_hz)
    scores["mel_l1"] = scores[f"mel_l1_level_{model.config.levels}"]
    scores["mel_l1_silence"] = spectra.mel_l1(torch.zeros_like(true_BS), true_BS, sample_rate_hz)
    scores["pitch_agreement"] = spectra.pitch_agreement(made_BS, true_BS, sample_rate_hz)
    return scores
