"""Inputs of samples (pixels, audio, text) -> generated pixels and audio, through tokens.

A batch holds samples of one task and one format. Text-to-video with audio is a chain: the new codes are given to
video-to-audio as they are, without decoding in between. So is super-resolution: codes in, high-resolution codes out.

Shapes: B samples of a batch, T frames, H height, W width, C channels, S samples of audio, t h w a latent grid, L
levels, F audio frames.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from components.common.formats import Format
from components.generate.config import Config
from components.generate.models import Models
from components.language_model.sampling import Conditions, Outputs, sample
from components.language_model.tasks import TASKS, Task
from components.media.arrays import Pixels, Wave
from components.media.tensors import to_bytes, to_unit
from components.super_resolution.sampling import upsample as upsample_codes

T = TypeVar("T")


@dataclass(frozen=True)
class SampleInputs:
    """Inputs of one sample; those that its task does not take stay empty."""

    prompt: str = ""
    frames: Pixels | None = None  # leading frames; the whole clip for video-to-audio
    masked: Pixels | None = None  # the whole clip, with masked pixels filled
    structure: Pixels | None = None  # the whole clip's flow and depth
    wave: Wave | None = None  # the whole audio; its start for a continuation


@dataclass(frozen=True)
class GeneratedBatch:
    """A batch of generated clips; audio only where it was generated or given."""

    visual: Tensor  # int (B, t, h, w)
    frames: Pixels  # (B, T, H, W, C)
    wave: Wave | None  # (B, S)

    def first(self, count: int) -> "GeneratedBatch":
        """Return the first `count` clips."""
        return GeneratedBatch(
            self.visual[:count], self.frames[:count], None if self.wave is None else self.wave[:count]
        )


class Generator:
    """Generates batches of samples."""

    def __init__(self, config: Config, models: Models):
        self.config, self.models = config, models

    def supports(self, task: Task | None, fmt: Format) -> bool:
        """Return True if the task's model was trained on a format; upsampling a clip (no task) needs none."""
        return task is None or fmt.name in self.models.language(task).shapes

    def tokens(self, fmt: Format) -> int:
        """Return the number of visual tokens of a format."""
        return math.prod(self.models.visual.latent(fmt.frames, fmt.height_px, fmt.width_px))

    def upsampled_format(self) -> Format:
        """Return the format that super-resolution was trained to upsample."""
        formats, (frames, rows, columns) = self.config.formats, self.models.super_resolution("stage1").architecture.grid
        for fmt in (formats.clip, formats.clip_portrait):
            if self.models.visual.latent(fmt.frames, fmt.height_px, fmt.width_px) == (frames, rows // 2, columns // 2):
                return fmt
        raise ValueError(f"super_resolution_stage1 makes token grids of {frames, rows, columns}: twice no clip's")

    def generate(self, task: Task, fmt: Format, inputs: Sequence[SampleInputs], seeds: Sequence[int]) -> GeneratedBatch:
        """Generate a batch, each sample from its own seed. Raises ValueError for a format that was not trained."""
        conditions = self.conditions(task, inputs)
        outputs = self._sampled(task, fmt, conditions, seeds)
        visual = outputs.visual if outputs.visual is not None else conditions.frames
        assert visual is not None
        frames = self.decode(visual) if task.makes_visual else np.stack([_given(one.frames) for one in inputs])
        wave = self.decode_audio(outputs.audio) if outputs.audio is not None else None
        if task.audio == "whole":
            wave = np.stack([_given(one.wave) for one in inputs])
        return GeneratedBatch(visual, frames, wave)

    def reconstruct(self, inputs: Sequence[SampleInputs]) -> GeneratedBatch:
        """Encode and decode whole clips with the visual tokenizer."""
        visual = self.encode([one.frames for one in inputs])
        assert visual is not None
        return GeneratedBatch(visual, self.decode(visual), None)

    def add_audio(self, batch: GeneratedBatch, fmt: Format, seeds: Sequence[int]) -> GeneratedBatch:
        """Add audio to generated clips: video-to-audio on their codes."""
        outputs = self._sampled(TASKS["video_to_audio"], fmt, Conditions(frames=batch.visual), seeds)
        assert outputs.audio is not None
        return replace(batch, wave=self.decode_audio(outputs.audio))

    def upsample(
        self, batch: GeneratedBatch, prompts: Sequence[str], stage: Literal["stage1", "stage2"], seeds: Sequence[int]
    ) -> GeneratedBatch:
        """Double height and width: stage 1 from base size, stage 2 from there; audio is kept."""
        model = self.models.super_resolution(stage)
        settings = self.config.stage1 if stage == "stage1" else self.config.stage2
        frames, rows, columns = model.architecture.grid
        if batch.visual.shape[1:] != (frames, rows // 2, columns // 2):
            raise ValueError(
                f"super-resolution {stage} upsamples token grids of {(frames, rows // 2, columns // 2)}, "
                f"not of {tuple(batch.visual.shape[1:])}: choose the format that it was trained on"
            )
        text, lengths = self.text(prompts)
        visual = upsample_codes(model, batch.visual, text, lengths, settings=settings, seeds=seeds)
        return GeneratedBatch(visual, self.decode(visual), batch.wave)

    def _sampled(self, task: Task, fmt: Format, conditions: Conditions, seeds: Sequence[int]) -> Outputs:
        language = self.models.language(task)
        if not self.supports(task, fmt):
            known = ", ".join(sorted(language.shapes))
            raise ValueError(f"{task.name}: the model was trained without {fmt.name}, only with {known}")
        settings = self.config.visual if task.makes_visual else self.config.audio
        vocabulary, shape = language.token_spec.vocabulary, language.shapes[fmt.name]
        return sample(language, vocabulary, task, shape, conditions, settings=settings, seeds=seeds)

    def conditions(self, task: Task, inputs: Sequence[SampleInputs]) -> Conditions:
        """Tokenize the inputs of a batch."""
        text, lengths = self.text([one.prompt for one in inputs]) if task.text else (None, None)
        return Conditions(
            text=text,
            text_lengths=lengths,
            frames=self.encode([one.frames for one in inputs]),
            masked=self.encode([one.masked for one in inputs]),
            structure=self.encode([one.structure for one in inputs]),
            audio=self.encode_audio([one.wave for one in inputs]),
        )

    def text(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return text vectors of prompts and their number; 0 for an empty prompt."""
        return self.models.text.encode(prompts, self.config.formats.text_tokens)

    @torch.no_grad()
    def encode(self, clips: Sequence[Pixels | None]) -> Tensor | None:
        """Return codes of clips of one size; None if there are none."""
        if clips[0] is None:
            return None
        frames_BTHWC = torch.from_numpy(np.stack([_given(clip) for clip in clips])).to(self.models.device)
        return self.models.visual.encode(to_unit(frames_BTHWC))

    @torch.no_grad()
    def decode(self, codes_Bthw: Tensor) -> Pixels:
        """Return pixels of codes, decoding a few clips at a time if they are large."""
        clips = max(1, self.config.batch_tokens // codes_Bthw[0].numel())
        parts = [to_bytes(self.models.visual.decode(part)).cpu() for part in codes_Bthw.split(clips)]
        pixels: Pixels = torch.cat(parts).numpy()
        return pixels

    def encode_audio(self, waves: Sequence[Wave | None]) -> Tensor | None:
        """Return codes of audio of one length; None if there is none."""
        if waves[0] is None:
            return None
        wave_BS = torch.from_numpy(np.stack([_given(wave) for wave in waves])).to(self.models.device)
        return self.models.audio.encode(wave_BS)

    def decode_audio(self, codes_BLF: Tensor) -> Wave:
        """Return audio samples of codes."""
        return self.models.audio.decode(codes_BLF).cpu().numpy()


def _given(value: T | None) -> T:
    assert value is not None, "samples of one batch take the same inputs"
    return value
