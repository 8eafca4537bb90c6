"""Sounds held against the real clip's: mel spectra and pitch, beside silence and other clips' sounds.

Shapes: S samples, B sounds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from components.audio_tokenizer.spectra import mel_l1, pitch_agreement
from components.evaluate.data import Media
from components.evaluate.records import Measure
from components.evaluate.truth import Truth, unrelated
from components.generate.data import Sample

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
    rate_hz, ids = media.formats.sample_rate_hz, [sample.sample_id for sample in samples]
    spectra, pitch = _Figures.of(mel_l1, sounds, rate_hz), _Figures.of(pitch_agreement, sounds, rate_hz)
    silence = [mel_l1(_batch(np.zeros_like(one.true)), _batch(one.true), rate_hz) for one in sounds]
    return [
        Measure(
            task=samples[0].task,
            name="mel_l1",
            unit="log10",
            better="lower",
            sample_ids=ids,
            values=spectra.made,
            baselines=silence,
            baseline_name="silence",
            chance=spectra.of_others,
            reconstruction_ceiling=spectra.reconstructed,
            real_ceiling=0.0,
        ),
        Measure(
            task=samples[0].task,
            name="pitch_agreement",
            unit="share",
            better="higher",
            sample_ids=ids,
            values=pitch.made,
            chance=pitch.of_others,
            reconstruction_ceiling=pitch.reconstructed,
            real_ceiling=1.0,
        ),
    ]


@dataclass(frozen=True)
class _Figures:
    """One comparison: of every sample; on average of reconstructions, and of other clips' real sounds."""

    made: list[float]
    reconstructed: float
    of_others: float | None

    @classmethod
    def of(cls, compare: Compare, sounds: Sequence[Heard], rate_hz: int) -> "_Figures":
        pairs = [
            (sounds[i].true, sounds[j].true)
            for i, j in unrelated([one.sample for one in sounds])
            if len(sounds[i].true) == len(sounds[j].true)
        ]
        return cls(
            [compare(_batch(one.made), _batch(one.true), rate_hz) for one in sounds],
            float(np.mean([compare(_batch(one.reconstructed), _batch(one.true), rate_hz) for one in sounds])),
            float(np.mean([compare(_batch(other), _batch(true), rate_hz) for true, other in pairs])) if pairs else None,
        )


def _batch(wave_S: Wave) -> Tensor:
    return torch.from_numpy(wave_S)[None]
