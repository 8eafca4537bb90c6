"""Sounds held against the real clip's: mel spectra and pitch, beside silence and other clips' sounds.

Shapes: S samples, B sounds.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from components.audio_tokenizer.spectra import analysis_window, mel, mel_l1, pitch_agreement
from components.common.formats import Formats
from components.evaluate.data import Media
from components.evaluate.ops import correlation
from components.evaluate.records import Better, Measure
from components.evaluate.truth import Truth, unrelated
from components.generate.data import Sample

MELS = 64
QUIET = 1e-4  # magnitudes below it count as silence: 80 dB under a full-scale tone
Wave = NDArray[np.float32]
Compare = Callable[[Tensor, Tensor, int], float]


@dataclass(frozen=True)
class Heard:
    """A sample's sound, the real one, and the best that codes could sound like."""

    sample: Sample
    made: Wave
    true: Wave
    reconstructed: Wave


def heard(samples: Sequence[Sample], media: Media, truth: Truth) -> list[Measure]:
    """Sound after the given frames; chance is what the real sound of another clip gets."""
    sounds = []
    for sample in samples:
        frames, start = media.format_of(sample).frames, media.formats.samples(sample.given_frames)
        made, true = media.sound(sample), truth.sound(sample.clip_id, frames)
        back = truth.reconstructed_sound(sample.clip_id, frames)
        sounds.append(Heard(sample, made[start:], true[start:], back[start:]))
    return [
        _measure("mel_l1", mel_l1, sounds, media.formats, unit="log10", better="lower", perfect=0.0),
        _measure("mel_correlation", mel_correlation, sounds, media.formats, unit="", better="higher", perfect=1.0),
        _measure("pitch_agreement", pitch_agreement, sounds, media.formats, unit="share", better="higher", perfect=1.0),
    ]


def mel_correlation(made_BS: Tensor, true_BS: Tensor, sample_rate_hz: int) -> float:
    """Pearson's correlation of mel magnitudes: when which pitch sounds, whatever the loudness; 0 for silence."""
    window = analysis_window(sample_rate_hz)
    one, other = (mel(wave, sample_rate_hz, window, MELS).clamp(min=QUIET).numpy() for wave in (made_BS, true_BS))
    return correlation(one, other)


def _measure(
    name: str,
    compare: Compare,
    sounds: Sequence[Heard],
    formats: Formats,
    *,
    unit: str,
    better: Better,
    perfect: float,
) -> Measure:
    """Compare every sample with the real sound; silence is the trivial answer, another clip's real sound chance."""

    def against(pairs: Iterable[tuple[Wave, Wave]]) -> list[float]:
        return [compare(_batch(one), _batch(true), formats.sample_rate_hz) for one, true in pairs]

    others = against(
        (sounds[j].true, sounds[i].true)
        for i, j in unrelated([one.sample for one in sounds])
        if len(sounds[i].true) == len(sounds[j].true)
    )
    return Measure(
        task=sounds[0].sample.task,
        name=name,
        unit=unit,
        better=better,
        sample_ids=[one.sample.sample_id for one in sounds],
        values=against((one.made, one.true) for one in sounds),
        baselines=against((np.zeros_like(one.true), one.true) for one in sounds),
        baseline_name="silence",
        chance=float(np.mean(others)) if others else None,
        reconstruction_ceiling=float(np.mean(against((one.reconstructed, one.true) for one in sounds))),
        real_ceiling=perfect,
    )


def _batch(wave_S: Wave) -> Tensor:
    return torch.from_numpy(wave_S)[None]
