"""Folders of the trained models that generation reads, as one argument of a stage.

The component command line turns each field into a flag: `--visual-tokenizer PATH`. Nothing here imports torch.
"""

from dataclasses import dataclass
from pathlib import Path

from components.language_model.tasks import Task


@dataclass(frozen=True)
class ModelPaths:
    """One folder for each model."""

    text_encoder: Path
    visual_tokenizer: Path
    audio_tokenizer: Path
    base: Path
    """Pre-trained language model, for tasks that no adapted model serves."""

    text_to_video: Path
    image_to_video: Path
    video_to_audio: Path
    super_resolution_stage1: Path
    super_resolution_stage2: Path

    def language(self, task: Task) -> Path:
        """Return the folder of the language model that serves a task."""
        folder: Path = getattr(self, task.model)
        return folder
