"""Spectra of audio: mel magnitudes, the multi-scale spectral loss, mel distance and pitch agreement.

Shapes: B waveforms, S samples, T spectral frames, W frequency bins, M mel bands. Frequencies in Hz.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

FLOOR = 1e-2  # magnitudes below it are silence in the metrics: 40 dB under a full-scale tone
SILENCE = 0.02  # root mean square under which a frame has no pitch worth following
SEMITONE = 2 ** (1 / 12)


def magnitudes(wave_BS: Tensor, window: int, hop: int) -> Tensor:
    """Return short-time Fourier magnitudes (B, W, T), scaled so that a full-scale tone peaks near 1."""
    hann = torch.hann_window(window, dtype=wave_BS.dtype, device=wave_BS.device)
    spectrum_BWT = torch.stft(wave_BS, window, hop, window=hann, pad_mode="constant", return_complex=True)
    power_BWT = spectrum_BWT.real.square() + spectrum_BWT.imag.square()
    return (power_BWT + 1e-12).sqrt() * (2 / hann.sum())


@lru_cache(maxsize=64)
def mel_filters(sample_rate_hz: int, window: int, mels: int) -> Tensor:
    """Return triangular filters (M, W) evenly spaced in mel, each at least two bins wide, rows summing to 1."""
    bins_W = torch.arange(window // 2 + 1, dtype=torch.float64)
    top_mel = 2595 * torch.log10(torch.tensor(1 + sample_rate_hz / 2 / 700, dtype=torch.float64))
    edges_mel = torch.linspace(0, 1, mels + 2, dtype=torch.float64) * top_mel
    edges_bin = 700 * (10 ** (edges_mel / 2595) - 1) * window / sample_rate_hz
    center_M1 = edges_bin[1:-1, None]
    low_M1 = torch.minimum(edges_bin[:-2, None], center_M1 - 1)
    high_M1 = torch.maximum(edges_bin[2:, None], center_M1 + 1)
    rising_MW = (bins_W - low_M1) / (center_M1 - low_M1)
    falling_MW = (high_M1 - bins_W) / (high_M1 - center_M1)
    filters_MW = torch.minimum(rising_MW, falling_MW).clamp(min=0)
    return (filters_MW / filters_MW.sum(1, keepdim=True)).float()


def mel(wave_BS: Tensor, sample_rate_hz: int, window: int, mels: int) -> Tensor:
    """Return mel magnitudes (B, M, T) with a hop of a quarter window; short windows get fewer bands than asked."""
    filters_MW = mel_filters(sample_rate_hz, window, min(mels, window // 4)).to(wave_BS.device, wave_BS.dtype)
    return filters_MW @ magnitudes(wave_BS, window, window // 4)


def spectral_loss(
    made_BS: Tensor, true_BS: Tensor, *, sample_rate_hz: int, windows: Sequence[int], mels: int, floor: float
) -> Tensor:
    """Return the distance of mel spectra at several scales (SoundStream, equations 4 and 5), averaged over the scales.

    Per scale: mean absolute difference + sqrt(window / 2) / 8 · root mean square of the log difference over bands.
    Magnitudes well under `floor` do not affect the logarithm.
    """
    terms = []
    for window in windows:
        made_BMT, true_BMT = (mel(wave, sample_rate_hz, window, mels) for wave in (made_BS, true_BS))
        logs_BMT = (made_BMT + floor).log() - (true_BMT + floor).log()
        rms_BT = (logs_BMT.square().mean(1) + 1e-8).sqrt()
        terms.append((made_BMT - true_BMT).abs().mean() + (window / 2) ** 0.5 / 8 * rms_BT.mean())
    return torch.stack(terms).mean()


def mel_l1(made_BS: Tensor, true_BS: Tensor, sample_rate_hz: int) -> float:
    """Return the mean absolute difference of log10 mel spectra (64 ms windows, 64 bands, floor at -40 dB)."""
    window = analysis_window(sample_rate_hz)
    made_BMT, true_BMT = (mel(wave, sample_rate_hz, window, 64).clamp(min=FLOOR).log10() for wave in (made_BS, true_BS))
    return float((made_BMT - true_BMT).abs().mean())


def pitch_agreement(made_BS: Tensor, true_BS: Tensor, sample_rate_hz: int) -> float:
    """Return the share of the audible frames whose strongest frequency is within a semitone of the original's."""
    window = analysis_window(sample_rate_hz)
    made_BT, true_BT = strongest_hz(made_BS, sample_rate_hz), strongest_hz(true_BS, sample_rate_hz)
    loudness_BT = F.avg_pool1d(F.pad(true_BS.square(), (window // 2, window // 2)), window, window // 4).sqrt()
    audible_BT = (loudness_BT > SILENCE)[:, : true_BT.shape[1]]
    ratio_BT = (made_BT / true_BT)[:, : audible_BT.shape[1]]
    agree_BT = (ratio_BT < SEMITONE) & (ratio_BT > 1 / SEMITONE)
    return float((agree_BT & audible_BT).sum() / audible_BT.sum().clamp(min=1))


def strongest_hz(wave_BS: Tensor, sample_rate_hz: int) -> Tensor:
    """Return the frequency of the highest spectral peak in each frame (B, T), refined between bins by a parabola."""
    window = analysis_window(sample_rate_hz)
    log_BWT = magnitudes(wave_BS, window, window // 4).log()
    peak_B1T = log_BWT[:, 1:-1].argmax(1, keepdim=True) + 1
    left, middle, right = (log_BWT.gather(1, peak_B1T + shift)[:, 0] for shift in (-1, 0, 1))
    shift_BT = (left - right) / (2 * (left - 2 * middle + right)).clamp(max=-1e-9)
    return (peak_B1T[:, 0] + shift_BT.clamp(-0.5, 0.5)) * sample_rate_hz / window


def analysis_window(sample_rate_hz: int) -> int:
    """Return the power of two nearest to 64 ms in samples."""
    return int(2 ** round(torch.log2(torch.tensor(0.064 * sample_rate_hz)).item()))
