"""Orders in pixels, samples and words -> new pixels and samples, by way of codes.

A batch holds orders of one task and one format. Text-to-video with sound is a chain: the new codes are given to
video-to-audio as they are, with no pixels between. So is super-resolution: codes in, larger codes out.

Shapes: B orders, T frames, H height, W width, C channels, S samples, t h w a latent grid, L levels, F sound frames.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from components.common.formats import Format
from components.generate.config import Config
from components.generate.models import Models
from components.language_model.sampling import Conditions, Outputs, Sampling, sample
from components.language_model.tasks import TASKS, Task
from components.media.tensors import to_bytes, to_unit
from components.super_resolution.sampling import upsample

Pixels = NDArray[np.uint8]
Wave = NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True)
class Order:
    """What one sample is made from; what its task does not take stays empty."""

    prompt: str = ""
    frames: Pixels | None = None  # leading frames; the whole clip for video-to-audio
    masked: Pixels | None = None  # the whole clip, with what is hidden replaced
    structure: Pixels | None = None  # the whole clip's flow and depth
    wave: Wave | None = None  # the whole sound; its start for a continuation


@dataclass(frozen=True)
class Made:
    """A batch of new clips; sound only where it was made or given."""

    visual: Tensor  # int (B, t, h, w)
    frames: Pixels  # (B, T, H, W, C)
    wave: Wave | None  # (B, S)

    def first(self, count: int) -> "Made":
        """The first so many clips."""
        return Made(self.visual[:count], self.frames[:count], None if self.wave is None else self.wave[:count])


class Maker:
    """Fulfils orders."""

    def __init__(self, config: Config, models: Models):
        self.config, self.models = config, models

    def can(self, task: Task | None, fmt: Format) -> bool:
        """Whether the task's model was trained on a format; to enlarge a clip (no task) needs none."""
        return task is None or fmt.name in self.models.language(task).shapes

    def tokens(self, fmt: Format) -> int:
        """Visual tokens of a format."""
        return math.prod(self.models.visual.latent(fmt.frames, fmt.height_px, fmt.width_px))

    def enlarged_format(self) -> Format:
        """The format that super-resolution was trained to enlarge."""
        formats, (frames, rows, columns) = self.config.formats, self.models.super_resolution("stage1").architecture.grid
        for fmt in (formats.clip, formats.clip_portrait):
            if self.models.visual.latent(fmt.frames, fmt.height_px, fmt.width_px) == (frames, rows // 2, columns // 2):
                return fmt
        raise ValueError(f"super_resolution_stage1 makes token grids of {frames, rows, columns}: twice no clip's")

    def make(self, task: Task, fmt: Format, orders: Sequence[Order], seeds: Sequence[int]) -> Made:
        """Fulfil a batch, each order from its own seed. Raises ValueError for a format that was not trained."""
        conditions = self.conditions(task, orders)
        outputs = self._sampled(task, fmt, conditions, seeds)
        visual = outputs.visual if outputs.visual is not None else conditions.frames
        assert visual is not None
        frames = self.decode(visual) if task.makes_visual else np.stack([_given(order.frames) for order in orders])
        wave = self.decode_sound(outputs.audio) if outputs.audio is not None else None
        if task.sound == "whole":
            wave = np.stack([_given(order.wave) for order in orders])
        return Made(visual, frames, wave)

    def reconstruct(self, orders: Sequence[Order]) -> Made:
        """Send whole clips through the visual tokenizer."""
        visual = self.encode([order.frames for order in orders])
        assert visual is not None
        return Made(visual, self.decode(visual), None)

    def add_sound(self, made: Made, fmt: Format, seeds: Sequence[int]) -> Made:
        """Give new clips a sound: video-to-audio on their codes."""
        outputs = self._sampled(TASKS["video-to-audio"], fmt, Conditions(frames=made.visual), seeds)
        assert outputs.audio is not None
        return replace(made, wave=self.decode_sound(outputs.audio))

    def enlarge(
        self, made: Made, prompts: Sequence[str], stage: Literal["stage1", "stage2"], seeds: Sequence[int]
    ) -> Made:
        """Double height and width, from base size with stage 1, from there with stage 2; the sound stays."""
        model = self.models.super_resolution(stage)
        settings = self.config.stage1 if stage == "stage1" else self.config.stage2
        frames, rows, columns = model.architecture.grid
        if made.visual.shape[1:] != (frames, rows // 2, columns // 2):
            raise ValueError(
                f"super-resolution {stage} enlarges token grids of {(frames, rows // 2, columns // 2)}, "
                f"not of {tuple(made.visual.shape[1:])}: choose the format that it was trained on"
            )
        text, lengths = self.text(prompts)
        visual = upsample(model, made.visual, text, lengths, settings=settings, seeds=seeds)
        return Made(visual, self.decode(visual), made.wave)

    def _sampled(self, task: Task, fmt: Format, conditions: Conditions, seeds: Sequence[int]) -> Outputs:
        language = self.models.language(task)
        if not self.can(task, fmt):
            known = ", ".join(sorted(language.shapes))
            raise ValueError(f"{task.name}: the model was trained without {fmt.name}, only with {known}")
        settings = Sampling(**asdict(self.config.visual if task.makes_visual else self.config.sound))
        vocabulary, shape = language.facts.vocabulary, language.shapes[fmt.name]
        return sample(language, vocabulary, task, shape, conditions, settings=settings, seeds=seeds)

    def conditions(self, task: Task, orders: Sequence[Order]) -> Conditions:
        """Tokenize what a task is given."""
        text, lengths = self.text([order.prompt for order in orders]) if task.text else (None, None)
        return Conditions(
            text=text,
            text_lengths=lengths,
            frames=self.encode([order.frames for order in orders]),
            masked=self.encode([order.masked for order in orders]),
            structure=self.encode([order.structure for order in orders]),
            audio=self.encode_sound([order.wave for order in orders]),
        )

    def text(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Vectors of prompts, and how many of them count; none for an empty prompt."""
        return self.models.text.encode(prompts, self.config.formats.text_tokens)

    @torch.no_grad()
    def encode(self, clips: Sequence[Pixels | None]) -> Tensor | None:
        """Codes of clips of one size, None if there are none."""
        if clips[0] is None:
            return None
        frames_BTHWC = torch.from_numpy(np.stack([_given(clip) for clip in clips])).to(self.models.device)
        return self.models.visual.encode(to_unit(frames_BTHWC))

    @torch.no_grad()
    def decode(self, codes_Bthw: Tensor) -> Pixels:
        """Pixels of codes, a few clips at a time if they are large."""
        clips = max(1, self.config.batch_tokens // codes_Bthw[0].numel())
        parts = [to_bytes(self.models.visual.decode(part)).cpu() for part in codes_Bthw.split(clips)]
        pixels: Pixels = torch.cat(parts).numpy()
        return pixels

    def encode_sound(self, waves: Sequence[Wave | None]) -> Tensor | None:
        """Codes of sounds of one length, None if there are none."""
        if waves[0] is None:
            return None
        wave_BS = torch.from_numpy(np.stack([_given(wave) for wave in waves])).to(self.models.device)
        return self.models.audio.encode(wave_BS)

    def decode_sound(self, codes_BLF: Tensor) -> Wave:
        """Samples of codes."""
        return self.models.audio.decode(codes_BLF).cpu().numpy()


def _given(value: T | None) -> T:
    assert value is not None, "orders of one batch are given the same things"
    return value
