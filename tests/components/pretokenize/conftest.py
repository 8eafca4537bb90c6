"""Untrained tokenizers and everything else that pretokenize reads, for the made-up clips."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from components.audio_tokenizer import config as audio_config
from components.audio_tokenizer import data as audio_data
from components.audio_tokenizer.model import Model as AudioTokenizer
from components.common import artifacts
from components.common.formats import Formats
from components.embed_text import data as text_data
from components.estimate_structure import data as structure_data
from components.filter.data import Clips
from components.nn import weights
from components.pretokenize.config import Config, PairSelection
from components.visual_tokenizer import config as visual_config
from components.visual_tokenizer.model import Model as VisualTokenizer

TEXT_WIDTH = 12


@pytest.fixture(scope="session")
def inputs(kept_clips: Path, formats: Formats, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders by the names of the stage's inputs. Read them only."""
    root = tmp_path_factory.mktemp("inputs")
    return {
        "clips": kept_clips,
        "visual_tokenizer": _visual_tokenizer(root / "visual_tokenizer"),
        "audio_tokenizer": _audio_tokenizer(root / "audio_tokenizer"),
        "text": _text(root / "text", Clips(kept_clips)),
        "structure": _structure(root / "structure", Clips(kept_clips), formats),
    }


@pytest.fixture(scope="session")
def config(formats: Formats) -> Config:
    pairs = PairSelection(orientation="square", stage1_clips=3, stage2_clips=1, heldout_clips=1)
    regions = ("inpaint_center", "outpaint_center")
    return Config(threads=1, batch_tokens=160, precision="float32", regions=regions, pairs=pairs, formats=formats)


def _visual_tokenizer(folder: Path) -> Path:
    torch.manual_seed(0)
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
        codebook_bits=9,
    )
    with artifacts.fresh(folder) as fresh:
        weights.save(fresh, VisualTokenizer(architecture), asdict(architecture))
        artifacts.describe(fresh, "visual_tokenizer", inputs={}, counts={})
    return folder


def _audio_tokenizer(folder: Path) -> Path:
    torch.manual_seed(0)
    architecture = audio_config.Architecture(
        patch=10,
        channels=8,
        growth=2,
        max_channels=16,
        strides=(8, 8),
        dilations=(1, 3),
        activation="snake",
        latent_width=6,
        levels=2,
        codebook_size=16,
    )
    model = AudioTokenizer(architecture)
    model.quantizer.codebooks.normal_(std=0.3)
    with artifacts.fresh(folder) as fresh:
        audio_data.save(fresh, model)
        artifacts.describe(fresh, "audio_tokenizer", inputs={}, counts={})
    return folder


def _text(folder: Path, clips: Clips) -> Path:
    captions = sorted({clip.caption for clip in clips if clip.caption})
    draw = np.random.default_rng(0)
    vectors = [draw.normal(size=(len(caption.split()), TEXT_WIDTH)).astype(np.float16) for caption in captions]
    with artifacts.fresh(folder) as fresh:
        (fresh / text_data.shard_name(0)).write_bytes(text_data.shard(captions, vectors))
        artifacts.describe(fresh, "embeddings", inputs={}, counts={}, facts={"width": TEXT_WIDTH})
    return folder


def _structure(folder: Path, clips: Clips, formats: Formats) -> Path:
    draw = np.random.default_rng(0)
    found = []
    for clip in clips:
        if clip.has_structure:
            fmt = formats.of(formats.clip_frames, clip.orientation)
            pixels = draw.integers(0, 256, (fmt.frames, fmt.height_px, fmt.width_px, 3), np.uint8)
            found.append((clip.clip_id, pixels))
    with artifacts.fresh(folder) as fresh:
        count = structure_data.write(fresh, found)
        artifacts.describe(fresh, "structure", inputs={}, counts={"clips": count})
    return folder
