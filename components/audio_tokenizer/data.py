"""kept clips -> stretches of audio; a trained codec -> files and back.

Only clips with an audible audio track are used. Decoded waveforms stay in memory up to a limit, which affects speed.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from components.audio_tokenizer.config import Architecture
from components.audio_tokenizer.model import Model
from components.common.weighted_sampler import WeightedSampler
from components.filter.data import Clips, draw_weights
from components.nn import weights

KIND = "audio_tokenizer"


class AudibleClips:
    """The audible clips of a split, as waveforms in [-1, 1] at the clips' own length."""

    def __init__(self, folder: Path, split: Literal["train", "heldout"], cache_mib: int = 0):
        self.clips = Clips(folder, split)
        self.audible = [index for index, clip in enumerate(self.clips) if clip.audio_state == "audible"]
        self.sampler = WeightedSampler(draw_weights(self.clips)[self.audible])
        longest = self.clips.formats.samples(max((self.clips[index].frames for index in self.audible), default=1))
        self._wave = lru_cache(maxsize=(cache_mib << 20) // (4 * longest))(self._decode)

    def __len__(self) -> int:
        return len(self.audible)

    def wave(self, number: int) -> npt.NDArray[np.float32]:
        """Return the whole waveform of the number-th audible clip."""
        return self._wave(number)

    def stretch(self, draw: np.random.Generator, length: int) -> npt.NDArray[np.float32]:
        """Return `length` samples from a random position of a clip drawn by its weight, padded with silence."""
        wave_S = self.wave(int(self.sampler.draw(draw, 1)[0]))
        start = int(draw.integers(max(1, len(wave_S) - length + 1)))
        piece_S = wave_S[start : start + length]
        return np.pad(piece_S, (0, length - len(piece_S)))

    def _decode(self, number: int) -> npt.NDArray[np.float32]:
        index = self.audible[number]
        samples_S: npt.NDArray[np.float32] = self.clips.samples(index, self.clips[index].frames)
        return samples_S


def equal_batches(waves: Sequence[npt.NDArray[np.float32]], batch: int) -> list[Tensor]:
    """Group waveforms of equal length into (B, S) batches, in order of length."""
    by_length: dict[int, list[npt.NDArray[np.float32]]] = {}
    for wave in waves:
        by_length.setdefault(len(wave), []).append(wave)
    return [
        torch.from_numpy(np.stack(group[start : start + batch]))
        for _, group in sorted(by_length.items())
        for start in range(0, len(group), batch)
    ]


def save(folder: Path, model: Model) -> None:
    """Write the weights and the architecture."""
    weights.save(folder, model, asdict(model.config))


def load(folder: Path) -> Model:
    """Read a trained codec, ready to encode and decode."""
    values = weights.read_config(folder)
    values |= {name: tuple(values[name]) for name in ("strides", "dilations")}
    model = Model(Architecture(**values))
    weights.load_into(model, folder)
    return model
