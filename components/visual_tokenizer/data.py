"""kept clips -> batches of pixels; the tokenizer as files.

A batch is of one kind: single frames or clips, square or upright, whole or seen through a square window of the base
size on a copy 2 or 4 times as fine, as super-resolution will show it; some whole clips have a black rectangle, as
inpainting will show them. All of it is a pure function of the step.

Shapes: B clips, T frames, H height, W width, C channels; pixels are uint8 until the model takes them.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from components.common.errors import DataError
from components.common.formats import Format, Orientation
from components.common.params import typed
from components.common.random import seed_of
from components.filter.data import Clips, Frames, Pixels
from components.nn import weights
from components.visual_tokenizer.config import FINEST, Architecture, Config
from components.visual_tokenizer.model import Model

ORIENTATIONS: tuple[Orientation, ...] = ("square", "portrait")


def load(folder: Path) -> Model:
    """Read a trained tokenizer, ready for `encode` and `decode`."""
    model = Model(typed(Architecture, weights.read_config(folder), "architecture"))
    weights.load_into(model, folder)
    return model


class Batches:
    """The diet of the training, on the train split of the kept clips; raises DataError if it has nothing to draw from.

    The share of an orientation in the steps is its share of the clips.
    """

    def __init__(self, config: Config, folder: Path):
        self.config, self.formats = config, config.formats
        self.clips = Clips(folder, split="train")
        self.frames = [
            self.formats.clip_frames if clip.frames >= self.formats.clip_frames else 1 for clip in self.clips
        ]
        orientations = [clip.orientation for clip in self.clips]
        self.groups = {  # least frames -> orientation -> clips
            least: {
                name: [i for i, frames in enumerate(self.frames) if frames >= least and orientations[i] == name]
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
            if not any(self.groups[least].values()):
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
        share = len(group["square"]) / (len(group["square"]) + len(group["portrait"]))
        orientation: Orientation = "square" if shared.random() < share else "portrait"
        size = self.formats.of(frames, orientation if factor == 1 else "square")
        count = max(1, count // world)
        windows = diet.windows if factor > 1 else 1
        drawn = own.choice(group[orientation], -(-count // windows)).repeat(windows)[:count]
        return torch.from_numpy(np.stack([self._one(own, int(index), orientation, factor, size) for index in drawn]))

    def _one(self, rng: np.random.Generator, index: int, orientation: Orientation, factor: int, size: Format) -> Pixels:
        """A random stretch of `size.frames` frames, and a random window of the size on it."""
        form = self.formats.of(self.frames[index], orientation)
        pixels = self.sources[form.name, factor][index]
        sides = zip(pixels.shape[:3], (size.frames, size.height_px, size.width_px), strict=True)
        first, top, left = (int(rng.integers(have - want + 1)) for have, want in sides)
        window: Pixels = pixels[first : first + size.frames, top : top + size.height_px, left : left + size.width_px]
        whole = factor == 1 and size.frames > 1
        return masked(rng, window) if whole and rng.random() < self.config.diet.masked else window


def masked(rng: np.random.Generator, pixels_THWC: Pixels) -> Pixels:
    """Turn a rectangle black in every frame: up to three quarters of the picture's sides, or a band across it."""
    sizes = [int(rng.integers(side // 4, 3 * side // 4 + 1)) for side in pixels_THWC.shape[1:3]]
    if (across := rng.integers(4)) < 2:
        sizes[across] = pixels_THWC.shape[1 + across]
    top, left = (int(rng.integers(side - size + 1)) for side, size in zip(pixels_THWC.shape[1:3], sizes, strict=True))
    shown_THWC = pixels_THWC.copy()
    shown_THWC[:, top : top + sizes[0], left : left + sizes[1]] = 0
    return shown_THWC
