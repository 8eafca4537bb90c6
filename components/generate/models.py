"""All models of generation, each read from its folder when it is first used."""

from functools import cached_property
from pathlib import Path
from typing import Literal

import torch

from components.audio_tokenizer import data as audio_tokenizer
from components.audio_tokenizer.model import Model as AudioTokenizer
from components.generate.model_paths import ModelPaths
from components.language_model import data as language_model
from components.language_model.model import Model as LanguageModel
from components.language_model.tasks import Task
from components.super_resolution import data as super_resolution
from components.super_resolution.model import Model as SuperResolution
from components.text_encoder import data as text_encoder
from components.text_encoder.data import CaptionEncoder
from components.visual_tokenizer import data as visual_tokenizer
from components.visual_tokenizer.model import Model as VisualTokenizer


class Models:
    """Models on the fastest device of this machine."""

    def __init__(self, paths: ModelPaths):
        self.paths = paths
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._language: dict[Path, LanguageModel] = {}
        self._super_resolution: dict[Path, SuperResolution] = {}

    @cached_property
    def text(self) -> CaptionEncoder:
        """Text encoder."""
        encoder = text_encoder.load(self.paths.text_encoder)
        encoder.model.to(self.device)
        return encoder

    @cached_property
    def visual(self) -> VisualTokenizer:
        """Visual tokenizer."""
        return visual_tokenizer.load(self.paths.visual_tokenizer).to(self.device)

    @cached_property
    def audio(self) -> AudioTokenizer:
        """Audio tokenizer."""
        return audio_tokenizer.load(self.paths.audio_tokenizer).to(self.device)

    def language(self, task: Task) -> LanguageModel:
        """Return the language model that serves a task."""
        folder = self.paths.language(task)
        if folder not in self._language:
            self._language[folder] = language_model.load(folder)[0].to(self.device)
        return self._language[folder]

    def super_resolution(self, stage: Literal["stage1", "stage2"]) -> SuperResolution:
        """Return the model of one super-resolution stage."""
        folder = self.paths.super_resolution_stage1 if stage == "stage1" else self.paths.super_resolution_stage2
        if folder not in self._super_resolution:
            self._super_resolution[folder] = super_resolution.load(folder).to(self.device)
        return self._super_resolution[folder]
