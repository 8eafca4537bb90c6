"""kept clips -> batches of pixels; the tokenizer as files.

A batch is of one kind: single frames, whole clips of the base size, upright clips, or windows of the base size on a
copy of the clip 2 or 4 times as fine, as super-resolution will show it. Which kind, which clips and where is a pure
function of the step.

Shapes: B clips, T frames, H height, W width, C channels; pixels are uint8 until the model takes them.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from components.common.formats import Format
from components.common.params import typed
from components.common.random import seed_of
from components.filter.data import Clips, Frames, Pixels
from components.nn import weights
from components.visual_tokenizer.config import FINEST, Architecture, Config
from components.visual_tokenizer.model import Model


def load(folder: Path) -> Model:
    """Read a trained tokenizer, ready for `encode` and `decode`."""
    model = Model(typed(Architecture, weights.read_config(folder), "architecture"))
    weights.load_into(model, folder)
    return model


class Batches:
    """The diet of the training, on one split of the kept clips; raises ValueError if it has nothing to draw from."""

    def __init__(self, config: Config, folder: Path):
        self.config, formats = config, config.formats
        self.clips = Clips(folder, split="train")
        videos = [i for i, clip in enumerate(self.clips) if clip.frames >= formats.clip_frames]
        self.videos = {
            name: np.array([i for i in videos if self.clips[i].orientation == name]) for name in ("square", "portrait")
        }
        if not len(self.clips) or (config.diet.images < 1 and not videos):
            raise ValueError(f"{folder} holds no training clips: add sources, or relax the filter")
        budget = config.cached_clips * formats.clip_frames * 3 * formats.height_px * formats.width_px * FINEST**2
        shown = formats.clip_frames if config.architecture.kernel_t > 1 else 1
        self.sources = {
            (frames, orientation, factor): Frames(
                self.clips, formats.of(frames, orientation).scaled(factor), budget // (4 if factor < FINEST else 1)
            )
            for frames in {1, shown, formats.clip_frames if videos else 1}
            for orientation in ("square", "portrait")
            for factor in (1, 2, FINEST)
        }

    def batch(self, step: int, rank: int, world: int) -> Tensor:
        """The pixels of a step, (B, T, H, W, C) uint8; B is this process's part of the global batch."""
        diet = self.config.diet
        rng = np.random.default_rng(seed_of(self.config.seed, "batch", step))  # the kind is one for all ranks
        kind = rng.random()
        rng = np.random.default_rng(seed_of(self.config.seed, "batch", step, rank))
        if kind < diet.images:
            return self._stack([self._image(rng) for _ in range(max(1, diet.global_batch_images // world))])
        finer = (kind - diet.images) / (1 - diet.images)
        factor = 2 if finer < diet.finer[0] else FINEST if finer < sum(diet.finer) else 1
        count = max(1, diet.global_batch_clips // world)
        return self._stack(
            self._clips(np.random.default_rng(seed_of(self.config.seed, "kind", step)), rng, factor, count)
        )

    def _image(self, rng: np.random.Generator) -> Pixels:
        """One frame of any clip, at the base size or through a window on a finer copy."""
        index = int(rng.integers(len(self.clips)))
        clip, formats = self.clips[index], self.config.formats
        factor = 1 if rng.random() < 0.7 else 2
        frames = formats.clip_frames if clip.frames >= formats.clip_frames else 1
        source = self.sources[frames, clip.orientation, factor][index]
        frame = int(rng.integers(len(source)))
        return _window(rng, source[frame : frame + 1], formats.image)

    def _clips(self, shared: np.random.Generator, rng: np.random.Generator, factor: int, count: int) -> list[Pixels]:
        """Clips of one orientation, drawn by its share; a finer copy is seen through a window of the square size."""
        upright, square = len(self.videos["portrait"]), len(self.videos["square"])
        orientation = "portrait" if shared.random() < upright / (upright + square) else "square"
        form = self.config.formats.clip_portrait if orientation == "portrait" else self.config.formats.clip
        chosen = rng.choice(self.videos[orientation], count)
        size = form if factor == 1 else self.config.formats.clip
        return [_window(rng, self.sources[form.frames, orientation, factor][int(i)], size) for i in chosen]

    def _stack(self, clips: list[Pixels]) -> Tensor:
        return torch.from_numpy(np.stack(clips))


def _window(rng: np.random.Generator, frames: Pixels, size: Format) -> Pixels:
    top, left = (
        int(rng.integers(have - want + 1))
        for have, want in zip(frames.shape[1:3], (size.height_px, size.width_px), strict=True)
    )
    window: NDArray[np.uint8] = frames[:, top : top + size.height_px, left : left + size.width_px]
    return window
