"""kept clips -> batches of pixels; the tokenizer as files.

A batch is of one kind: single frames or clips, square or portrait, whole or as square crops of the base size from a
copy of 2 or 4 times the resolution, as super-resolution will produce it. All of it is a pure function of the step.

Shapes: B clips, T frames, H height, W width, C channels; pixels are uint8 until the model takes them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from components.common.errors import DataError
from components.common.formats import Format, Orientation
from components.common.params import typed
from components.common.random import seed_of
from components.common.weighted_sampler import WeightedSampler
from components.filter.data import Clips, Frames, draw_weights
from components.media.arrays import Pixels
from components.nn import weights
from components.visual_tokenizer.config import FINEST, Architecture, Config
from components.visual_tokenizer.model import Model

ORIENTATIONS: tuple[Orientation, ...] = ("square", "portrait")


def load(folder: Path) -> Model:
    """Read a trained tokenizer, ready for `encode` and `decode`."""
    model = Model(typed(Architecture, weights.read_config(folder), "architecture"))
    weights.load_into(model, folder)
    return model


@dataclass(frozen=True)
class ClipGroup:
    """Clips that may share a batch: their indices, and their weights in the draw."""

    clips: NDArray[np.int64]
    sampler: WeightedSampler

    def draw(self, random: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Draw clips by their weights, with replacement."""
        drawn: NDArray[np.int64] = self.clips[self.sampler.draw_independent(random, count)]
        return drawn


def balanced(folders: Sequence[str], balance: float, weights_N: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight of each clip, such that a folder whose clips weigh W together weighs W^(1 - balance)."""
    folder_weights = defaultdict[str, float](float)
    for folder, weight in zip(folders, weights_N.tolist(), strict=True):
        folder_weights[folder] += weight
    return np.array([folder_weights[folder] ** -balance for folder in folders]) * weights_N


class Batches:
    """Training batches from the train split of the kept clips; raises DataError if there is nothing to draw from.

    A clip's weight in the draw is the filter's, divided by a power of that of its whole folder. The share of an
    orientation in the steps is its share of the weight.
    """

    def __init__(self, config: Config, folder: Path):
        self.config, self.formats = config, config.formats
        self.clips = Clips(folder, split="train")
        self.frames = [
            self.formats.clip_frames if clip.frames >= self.formats.clip_frames else 1 for clip in self.clips
        ]
        orientations = [clip.orientation for clip in self.clips]
        weights_N = balanced([clip.root for clip in self.clips], config.sampling.balance, draw_weights(self.clips))
        self.groups: dict[int, dict[Orientation, ClipGroup]] = {1: {}, self.formats.clip_frames: {}}
        for least, groups in self.groups.items():  # least frames -> orientation -> clips
            for name in ORIENTATIONS:
                fits = [i for i, frames in enumerate(self.frames) if frames >= least and orientations[i] == name]
                indices = np.array(fits, dtype=np.int64)
                groups[name] = ClipGroup(indices, WeightedSampler(weights_N[indices]))
        self.sources = {
            (form.name, factor): Frames(self.clips, form.scaled(factor), config.cache_mib << 20)
            for form in self.formats.all()
            for factor in (1, 2, FINEST)
        }
        image_share = config.sampling.image_share
        for least in (1,) * (image_share > 0) + (self.formats.clip_frames,) * (image_share < 1):
            if not any(len(group.clips) for group in self.groups[least].values()):
                raise DataError(f"no training clip has {least} frames: add sources, or let the filter keep more")

    def batch(self, step: int, rank: int, world: int) -> Tensor:
        """Return the pixels of a step, (B, T, H, W, C); B is this process's part of the global batch."""
        chosen, seed = self.config.sampling, self.config.seed
        shared = np.random.default_rng(seed_of(seed, "kind", step))  # one kind for all processes
        own = np.random.default_rng(seed_of(seed, "batch", step, rank))
        still = shared.random() < chosen.image_share
        frames = 1 if still else self.formats.clip_frames
        count = chosen.global_batch_images if still else chosen.global_batch_clips
        factor = int(shared.choice([1, 2, FINEST], p=[1 - sum(chosen.high_res_share), *chosen.high_res_share]))
        square, portrait = (self.groups[frames][name].sampler.weight for name in ORIENTATIONS)
        orientation: Orientation = "square" if shared.random() < square / (square + portrait) else "portrait"
        size = self.formats.of(frames, orientation if factor == 1 else "square")
        count = max(1, count // world)
        crops = chosen.crops if factor > 1 else 1
        drawn = self.groups[frames][orientation].draw(own, -(-count // crops)).repeat(crops)[:count]
        return torch.from_numpy(np.stack([self._crop(own, int(index), orientation, factor, size) for index in drawn]))

    def _crop(
        self, rng: np.random.Generator, index: int, orientation: Orientation, factor: int, size: Format
    ) -> Pixels:
        """Return a random stretch of `size.frames` frames, and a random crop of the size from it."""
        form = self.formats.of(self.frames[index], orientation)
        pixels = self.sources[form.name, factor][index]
        sides = zip(pixels.shape[:3], (size.frames, size.height_px, size.width_px), strict=True)
        first, top, left = (int(rng.integers(have - want + 1)) for have, want in sides)
        crop: Pixels = pixels[first : first + size.frames, top : top + size.height_px, left : left + size.width_px]
        return crop
