"""kept clips -> batches of pixels; the tokenizer as files.

A batch is of one kind: single frames or clips, square or upright, whole or seen through a square window of the base
size on a copy 2 or 4 times as fine, as super-resolution will show it. All of it is a pure function of the step.

Shapes: B clips, T frames, H height, W width, C channels; pixels are uint8 until the model takes them.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from components.common.errors import DataError
from components.common.formats import Format, Orientation
from components.common.params import typed
from components.common.random import seed_of
from components.filter.data import Clips, Frames, Pixels, draw_weights
from components.nn import weights
from components.visual_tokenizer.config import FINEST, Architecture, Config
from components.visual_tokenizer.model import Model

ORIENTATIONS: tuple[Orientation, ...] = ("square", "portrait")


def load(folder: Path) -> Model:
    """Read a trained tokenizer, ready for `encode` and `decode`."""
    model = Model(typed(Architecture, weights.read_config(folder), "architecture"))
    weights.load_into(model, folder)
    return model


class Group:
    """Clips that may share a batch, each with its weight in the draw."""

    def __init__(self, clips: Sequence[int], weights: NDArray[np.float64]):
        self.clips = np.array(clips, dtype=np.int64)
        self._reached = weights[self.clips].cumsum()

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def weight(self) -> float:
        """Sum of the weights."""
        return float(self._reached[-1]) if len(self) else 0.0

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Some clips, with replacement."""
        drawn: NDArray[np.int64] = self.clips[self._reached.searchsorted(self.weight * rng.random(count))]
        return drawn


def balanced(folders: Sequence[str], balance: float, weights_N: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of each clip, so that a folder whose clips weigh W together weighs W^(1 - balance)."""
    folder_weights = defaultdict[str, float](float)
    for folder, weight in zip(folders, weights_N.tolist(), strict=True):
        folder_weights[folder] += weight
    return np.array([folder_weights[folder] ** -balance for folder in folders]) * weights_N


class Batches:
    """The diet of the training, on the train split of the kept clips; raises DataError if it has nothing to draw from.

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
        weights_N = balanced([clip.root for clip in self.clips], config.diet.balance, draw_weights(self.clips))
        self.groups = {  # least frames -> orientation -> clips
            least: {
                name: Group(
                    [i for i, frames in enumerate(self.frames) if frames >= least and orientations[i] == name],
                    weights_N,
                )
                for name in ORIENTATIONS
            }
            for least in (1, self.formats.clip_frames)
        }
        self.sources = {
            (form.name, factor): Frames(self.clips, form.scaled(factor), config.cache_mib << 20)
            for form in self.formats.all()
            for factor in (1, 2, FINEST)
        }
        for least in (1,) * (config.diet.images > 0) + (self.formats.clip_frames,) * (config.diet.images < 1):
            if not any(len(group) for group in self.groups[least].values()):
                raise DataError(f"no training clip has {least} frames: add sources, or let the filter keep more")

    def batch(self, step: int, rank: int, world: int) -> Tensor:
        """The pixels of a step, (B, T, H, W, C); B is this process's part of the global batch."""
        diet, seed = self.config.diet, self.config.seed
        shared = np.random.default_rng(seed_of(seed, "kind", step))  # one kind for all processes
        own = np.random.default_rng(seed_of(seed, "batch", step, rank))
        still = shared.random() < diet.images
        frames, count = (1, diet.global_batch_images) if still else (self.formats.clip_frames, diet.global_batch_clips)
        factor = int(shared.choice([1, 2, FINEST], p=[1 - sum(diet.finer), *diet.finer]))
        group = self.groups[frames]
        share = group["square"].weight / (group["square"].weight + group["portrait"].weight)
        orientation: Orientation = "square" if shared.random() < share else "portrait"
        size = self.formats.of(frames, orientation if factor == 1 else "square")
        count = max(1, count // world)
        windows = diet.windows if factor > 1 else 1
        drawn = group[orientation].draw(own, -(-count // windows)).repeat(windows)[:count]
        return torch.from_numpy(np.stack([self._one(own, int(index), orientation, factor, size) for index in drawn]))

    def _one(self, rng: np.random.Generator, index: int, orientation: Orientation, factor: int, size: Format) -> Pixels:
        """A random stretch of `size.frames` frames, and a random window of the size on it."""
        form = self.formats.of(self.frames[index], orientation)
        pixels = self.sources[form.name, factor][index]
        sides = zip(pixels.shape[:3], (size.frames, size.height_px, size.width_px), strict=True)
        first, top, left = (int(rng.integers(have - want + 1)) for have, want in sides)
        window: Pixels = pixels[first : first + size.frames, top : top + size.height_px, left : left + size.width_px]
        return window
