"""Every model that generation needs, read from its folder when it is first used.

Tasks with an adapted language model use it, the others the pre-trained one.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch

from components.audio_tokenizer import data as audio_tokenizer
from components.audio_tokenizer.model import Model as AudioTokenizer
from components.language_model import data as language_model
from components.language_model.model import Model as LanguageModel
from components.language_model.tasks import Task
from components.super_resolution import data as super_resolution
from components.super_resolution.model import Model as SuperResolution
from components.text_encoder import data as text_encoder
from components.text_encoder.data import CaptionEncoder
from components.visual_tokenizer import data as visual_tokenizer
from components.visual_tokenizer.model import Model as VisualTokenizer


@dataclass(frozen=True)
class Folders:
    """Where the trained models lie."""

    text_encoder: Path
    visual_tokenizer: Path
    audio_tokenizer: Path
    base: Path
    text_to_video: Path
    image_to_video: Path
    video_to_audio: Path
    super_resolution_stage1: Path
    super_resolution_stage2: Path


class Models:
    """The models of some folders, on the fastest device of this machine."""

    def __init__(self, folders: Folders):
        self.folders = folders
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._language: dict[Path, LanguageModel] = {}
        self._super_resolution: dict[Path, SuperResolution] = {}

    @cached_property
    def text(self) -> CaptionEncoder:
        """Prompts to vectors."""
        encoder = text_encoder.load(self.folders.text_encoder)
        encoder.model.to(self.device)
        return encoder

    @cached_property
    def visual(self) -> VisualTokenizer:
        """Pixels to codes and back."""
        return visual_tokenizer.load(self.folders.visual_tokenizer).to(self.device)

    @cached_property
    def audio(self) -> AudioTokenizer:
        """Samples to codes and back."""
        return audio_tokenizer.load(self.folders.audio_tokenizer).to(self.device)

    def language(self, task: Task) -> LanguageModel:
        """The language model that serves a task."""
        folder = self._folder(task)
        if folder not in self._language:
            self._language[folder] = language_model.load(folder)[0].to(self.device)
        return self._language[folder]

    def super_resolution(self, stage: Literal["stage1", "stage2"]) -> SuperResolution:
        """One stage of super-resolution."""
        folders = {"stage1": self.folders.super_resolution_stage1, "stage2": self.folders.super_resolution_stage2}
        folder = folders[stage]
        if folder not in self._super_resolution:
            self._super_resolution[folder] = super_resolution.load(folder).to(self.device)
        return self._super_resolution[folder]

    def _folder(self, task: Task) -> Path:
        match task.name:
            case "text-to-image" | "text-to-video":
                return self.folders.text_to_video
            case "image-to-video":
                return self.folders.image_to_video
            case "video-to-audio":
                return self.folders.video_to_audio
            case _:
                return self.folders.base
