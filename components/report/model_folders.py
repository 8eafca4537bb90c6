"""Folders of the models that the report shows, as one argument of the stage, each with its title on the page."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class ModelFolders:
    """One folder for each model, in the order of the page."""

    visual_tokenizer_image: Path = field(metadata={"title": "Visual tokenizer on images"})
    visual_tokenizer: Path = field(metadata={"title": "Visual tokenizer on video"})
    audio_tokenizer: Path = field(metadata={"title": "Audio tokenizer"})
    text_encoder: Path = field(metadata={"title": "Text encoder"})
    judge: Path = field(metadata={"title": "Judge"})
    image_heavy: Path = field(metadata={"title": "Language model, image-heavy"})
    video_heavy: Path = field(metadata={"title": "Language model, video-heavy"})
    text_to_video: Path = field(metadata={"title": "Adapted, text to video"})
    image_to_video: Path = field(metadata={"title": "Adapted, image to video"})
    video_to_audio: Path = field(metadata={"title": "Adapted, video to audio"})
    super_resolution_stage1: Path = field(metadata={"title": "Super-resolution, stage 1"})
    super_resolution_stage2: Path = field(metadata={"title": "Super-resolution, stage 2"})


TITLES: Final[dict[str, str]] = {one.name: one.metadata["title"] for one in fields(ModelFolders)}
"""Name of a model -> its title."""
