"""Spectra see the frequency that is there, and the measures order good, bad and silent as an ear would."""

import math

import pytest
import torch

from components.audio_tokenizer import spectra

RATE_HZ = 8000


def tone(hertz: float, seconds: float = 1.0, phase: float = 0.0) -> torch.Tensor:
    time_S = torch.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return 0.5 * torch.sin(2 * math.pi * hertz * time_S + phase)[None]


@pytest.mark.parametrize("window", [16, 64, 512, 2048])
@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_every_mel_band_hears_something_and_sums_to_one(window: int, rate_hz: int) -> None:
    filters_MW = spectra.mel_filters(rate_hz, window, min(64, window // 4))
    assert torch.isfinite(filters_MW).all()
    torch.testing.assert_close(filters_MW.sum(1), torch.ones(len(filters_MW)))


@pytest.mark.parametrize("hertz", [220.0, 333.3, 1000.0, 3100.0])
def test_the_strongest_frequency_of_a_tone_is_its_own(hertz: float) -> None:
    middle_T = spectra.strongest_hz(tone(hertz), RATE_HZ)[0, 4:-4]
    torch.testing.assert_close(middle_T, torch.full_like(middle_T, hertz), rtol=0.01, atol=0)


def test_a_full_scale_tone_peaks_near_one() -> None:
    assert spectra.magnitudes(2 * tone(1000), 512, 128).max() == pytest.approx(1, abs=0.05)


def loss(made_BS: torch.Tensor, true_BS: torch.Tensor) -> float:
    return spectra.spectral_loss(
        made_BS, true_BS, sample_rate_hz=RATE_HZ, windows=(128, 512), mels=64, floor=0.01
    ).item()


def test_the_loss_ignores_phase_and_hears_pitch() -> None:
    same, shifted, other = loss(tone(440), tone(440)), loss(tone(440, phase=2), tone(440)), loss(tone(660), tone(440))
    assert same < 1e-3
    assert shifted < 0.1 * other


def test_the_loss_has_a_gradient_at_silence() -> None:
    made_BS = torch.zeros(1, RATE_HZ, requires_grad=True)
    spectra.spectral_loss(
        made_BS + 1e-4 * tone(100), tone(440), sample_rate_hz=RATE_HZ, windows=(256,), mels=32, floor=0.01
    ).backward()
    assert made_BS.grad is not None
    assert torch.isfinite(made_BS.grad).all()
    assert made_BS.grad.abs().max() > 0


def test_mel_distance_is_zero_for_equal_sounds_and_grows_with_error() -> None:
    silence_BS = torch.zeros_like(tone(440))
    assert spectra.mel_l1(tone(440), tone(440), RATE_HZ) == 0
    assert 0 < spectra.mel_l1(tone(450), tone(440), RATE_HZ) < spectra.mel_l1(silence_BS, tone(440), RATE_HZ)


def test_pitch_agrees_within_a_semitone_only() -> None:
    assert spectra.pitch_agreement(tone(450), tone(440), RATE_HZ) == 1
    assert spectra.pitch_agreement(tone(480), tone(440), RATE_HZ) == 0
    assert spectra.pitch_agreement(tone(440), torch.zeros_like(tone(440)), RATE_HZ) == 0
