"""Audio compared with that of the real clip: mel spectra and pitch, with silence and audio of other clips as baselines.

Shapes: S samples, B clips.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from components.audio_tokenizer.spectra import analysis_window, mel, mel_l1, pitch_agreement
from components.common.formats import Formats
from components.evaluate.data import SampleMedia
from components.evaluate.ops import correlation
from components.evaluate.records import Better, Measure
from components.evaluate.reference_clips import ReferenceClips, unrelated
from components.generate.data import Sample
from components.media.arrays import Wave

MELS = 64
QUIET = 1e-4  # magnitudes below it count as silence: 80 dB under a full-scale tone
Compare = Callable[[Tensor, Tensor, int], float]


@dataclass(frozen=True)
class AudioComparison:
    """Audio of a sample, of its real clip, and of the tokenizer's reconstruction."""

    sample: Sample
    made: Wave
    true: Wave
    reconstructed: Wave


def audio_metrics(samples: Sequence[Sample], media: SampleMedia, references: ReferenceClips) -> list[Measure]:
    """Measure audio after the given frames; chance is the score of the real audio of another clip."""
    compared = []
    for sample in samples:
        frames, start = media.format_of(sample).frames, media.formats.samples(sample.given_frames)
        made, true = media.audio(sample), references.audio(sample.clip_id, frames)
        back = references.reconstructed_audio(sample.clip_id, frames)
        compared.append(AudioComparison(sample, made[start:], true[start:], back[start:]))
    return [
        _measure("mel_l1", mel_l1, compared, media.formats, unit="log10", better="lower", perfect=0.0),
        _measure("mel_correlation", mel_correlation, compared, media.formats, unit="", better="higher", perfect=1.0),
        _measure(
            "pitch_agreement", pitch_agreement, compared, media.formats, unit="share", better="higher", perfect=1.0
        ),
    ]


def mel_correlation(made_BS: Tensor, true_BS: Tensor, sample_rate_hz: int) -> float:
    """Return Pearson's correlation of mel magnitudes, which ignores loudness; 0 for silence."""
    window = analysis_window(sample_rate_hz)
    one, other = (mel(wave, sample_rate_hz, window, MELS).clamp(min=QUIET).numpy() for wave in (made_BS, true_BS))
    return correlation(one, other)


def _measure(
    name: str,
    compare: Compare,
    compared: Sequence[AudioComparison],
    formats: Formats,
    *,
    unit: str,
    better: Better,
    perfect: float,
) -> Measure:
    """Compare every sample with the real audio; silence is the baseline, real audio of another clip is chance."""

    def against(pairs: Iterable[tuple[Wave, Wave]]) -> list[float]:
        return [compare(_batch(one), _batch(true), formats.sample_rate_hz) for one, true in pairs]

    others = against(
        (compared[j].true, compared[i].true)
        for i, j in unrelated([one.sample for one in compared])
        if len(compared[i].true) == len(compared[j].true)
    )
    return Measure(
        task=compared[0].sample.task,
        name=name,
        unit=unit,
        better=better,
        sample_ids=[one.sample.sample_id for one in compared],
        values=against((one.made, one.true) for one in compared),
        baselines=against((np.zeros_like(one.true), one.true) for one in compared),
        baseline_name="silence",
        chance=float(np.mean(others)) if others else None,
        reconstruction_ceiling=float(np.mean(against((one.reconstructed, one.true) for one in compared))),
        real_ceiling=perfect,
    )


def _batch(wave_S: Wave) -> Tensor:
    return torch.from_numpy(wave_S)[None]
