"""Untrained models of every kind, as small as they can be, on the made-up clips."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from components.audio_tokenizer import config as audio_config
from components.audio_tokenizer import data as audio_data
from components.audio_tokenizer.model import Model as AudioTokenizer
from components.common import artifacts
from components.common.formats import Formats
from components.estimate_structure import data as structure_data
from components.filter.data import Clips
from components.generate.config import Config, Counts, Drawing
from components.language_model import config as language_config
from components.language_model import data as language_data
from components.language_model.model import Facts
from components.language_model.model import Model as LanguageModel
from components.language_model.sequence import Shape
from components.language_model.vocabulary import Vocabulary
from components.nn import weights
from components.super_resolution import data as super_resolution_data
from components.super_resolution.config import Sampling, Windows
from components.super_resolution.model import Architecture as SuperResolutionArchitecture
from components.super_resolution.model import Model as SuperResolution
from components.text_encoder import config as text_config
from components.text_encoder import data as text_data
from components.text_encoder.tokenization import train_tokenizer
from components.text_encoder.training import architecture as text_architecture
from components.visual_tokenizer import config as visual_config
from components.visual_tokenizer.model import Model as VisualTokenizer

BITS, LEVELS, CODEBOOK, TEXT_WIDTH = 9, 2, 16, 16


@pytest.fixture(scope="session")
def config(formats: Formats) -> Config:
    drawing = Drawing(guidance=2.0, temperature=1.0, top_k=0, top_p=1.0)
    enlarging = Sampling(steps=2, text_guidance=1.0, low_guidance=1.0, temperature=1.0, choice_temperature=1.0)
    return Config(
        threads=1,
        seed=0,
        batch_tokens=160,
        samples=Counts(*[1] * 3, 3, *[1] * 12),
        prompts=("something of my own",),
        prompt_file="",
        prompt_file_sha256="",
        given_frames=5,
        inpainted="inpaint_center",
        outpainted="outpaint_center",
        visual=drawing,
        sound=drawing,
        stage1=enlarging,
        stage2=enlarging,
        constant_rate_factor=12,
        formats=formats,
    )


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders by the names of the stage's inputs. Read them only."""
    root = tmp_path_factory.mktemp("models")
    language = _folder(root / "language", lambda folder: language_data.save(folder, _language()))
    return {
        "text_encoder": _folder(root / "text_encoder", _save_text_encoder),
        "visual_tokenizer": _folder(root / "visual", _save_visual_tokenizer),
        "audio_tokenizer": _folder(root / "audio", lambda folder: audio_data.save(folder, _audio())),
        "base": language,
        "text_to_video": language,
        "image_to_video": language,
        "video_to_audio": language,
        "super_resolution_stage1": _folder(root / "stage1", lambda f: super_resolution_data.save(f, _larger(8))),
        "super_resolution_stage2": _folder(root / "stage2", lambda f: super_resolution_data.save(f, _larger(16))),
    }


@pytest.fixture(scope="session")
def structure(kept_clips: Path, formats: Formats, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = []
    for clip in Clips(kept_clips):
        if clip.has_structure:
            fmt = formats.of(formats.clip_frames, clip.orientation)
            found.append((clip.clip_id, np.full((fmt.frames, fmt.height_px, fmt.width_px, 3), 128, np.uint8)))
    folder = tmp_path_factory.mktemp("structure") / "structure"
    with artifacts.fresh(folder) as fresh:
        structure_data.write(fresh, found)
        facts = {"flow": "farneback", "depth": "border_contrast", "flow_limit": 0.05}
        artifacts.describe(fresh, "structure", inputs={}, counts={}, facts=facts)
    return folder


def _folder(path: Path, save) -> Path:
    torch.manual_seed(0)
    with artifacts.fresh(path) as fresh:
        save(fresh)
        artifacts.describe(fresh, "model", inputs={}, counts={})
    return path


def _save_text_encoder(folder: Path) -> None:
    from transformers import T5EncoderModel

    train = text_config.Train(
        vocabulary=256,
        width=TEXT_WIDTH,
        layers=1,
        heads=2,
        head_width=8,
        feed_forward_width=32,
        dropout=0.0,
        noise_share=0.3,
        span_tokens=1.5,
        steps=1,
        global_batch=1,
        learning_rate=0.001,
        warmup_steps=1,
        gradient_clip=1.0,
        checkpoint_every_steps=1,
    )
    tokenizer = train_tokenizer(["a red square moves left", "a blue square moves up"], train.vocabulary)
    model = T5EncoderModel(text_architecture(train, tokenizer.get_vocab_size()))
    text_data.save(folder, text_data.Encoder(model, tokenizer))


def _save_visual_tokenizer(folder: Path) -> None:
    architecture = visual_config.Architecture(
        stem="patch",
        stem_px=4,
        kernel_t=3,
        channels=8,
        multipliers=(1, 2, 2),
        blocks=1,
        middle_blocks=1,
        strides_t=(2, 2),
        strides_px=(2, 1),
        groups=4,
        codebook_bits=BITS,
    )
    weights.save(folder, VisualTokenizer(architecture), asdict(architecture))


def _audio() -> nn.Module:
    architecture = audio_config.Architecture(
        patch=10,
        channels=8,
        growth=2,
        max_channels=16,
        strides=(8, 8),
        dilations=(1, 3),
        activation="snake",
        latent_width=6,
        levels=LEVELS,
        codebook_size=CODEBOOK,
    )
    model = AudioTokenizer(architecture)
    model.quantizer.codebooks.normal_(std=0.3)
    return model


def _language() -> LanguageModel:
    """It never saw upright long clips."""
    shapes = {
        "image": Shape("image", (1, 4, 4), 0),
        "clip": Shape("clip", (5, 4, 4), 26),
        "clip_portrait": Shape("clip_portrait", (5, 7, 4), 26),
        "long": Shape("long", (11, 4, 4), 64),
    }
    architecture = language_config.Architecture(32, 1, 2, 48, 0.0, "table_and_bits", "table_and_bits")
    return LanguageModel(architecture, Facts(Vocabulary(BITS, LEVELS, CODEBOOK), TEXT_WIDTH, 16, shapes))


def _larger(side: int) -> SuperResolution:
    windows = Windows(vertical=(1, side, 2), horizontal=(1, 2, side), temporal=(5, 4, 4))
    return SuperResolution(
        SuperResolutionArchitecture(
            bits=BITS,
            text_width=TEXT_WIDTH,
            grid=(5, side, side),
            windows=windows,
            width=32,
            heads=2,
            hidden=48,
            blocks=1,
            low_added=True,
        )
    )
