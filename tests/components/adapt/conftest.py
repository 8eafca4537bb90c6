from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from components.adapt.config import Config
from components.common import artifacts
from components.language_model import data
from components.language_model.config import Architecture, Mix, PhaseOptimization
from components.language_model.data import TokenDataset
from components.language_model.model import Model
from components.pretokenize import data as tokens_data
from components.pretokenize.data import Tokens

LATENT, ROWS = {"image": (1, 2, 2), "clip": (3, 2, 2)}, 12


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up shards: captioned, audible clips, a third of them held out."""
    random = np.random.default_rng(0)
    output = tmp_path_factory.mktemp("shards") / "tokens"
    latent = {name: list(shape) for name, shape in LATENT.items()}
    facts = {"codebook_bits": 6, "levels": 2, "codebook_size": 8, "latent": latent, "text_width": 12, "text_tokens": 4}
    with artifacts.fresh(output) as folder:
        for name, shape in LATENT.items():
            columns: dict[str, tokens_data.Column] = {
                "clip_id": [f"{name}{row}" for row in range(ROWS)],
                "split": ["heldout" if row % 3 == 0 else "train" for row in range(ROWS)],
                "caption": ["words"] * ROWS,
                "start_s": np.zeros(ROWS),
                "end_s": np.ones(ROWS),
                "motion": np.ones(ROWS, np.float32),
                "visual": random.integers(0, 64, (ROWS, *shape), dtype=np.int32),
                "audio": random.integers(0, 8, (ROWS, 2, 10), dtype=np.int32),
                "audio_state": ["audible"] * ROWS,
                "text": random.normal(size=(ROWS, 4, 12)).astype(np.float16),
                "text_length": np.full(ROWS, 3, np.int32),
                "weight": np.ones(ROWS),
            }
            if name == "image":
                del columns["audio"]
            tokens_data.write(folder / f"{name}.arrow", columns, facts)
        artifacts.describe(folder, "tokens", inputs={}, counts={name: ROWS for name in LATENT}, facts=facts)
    return output


NewBase = Callable[[Path, Path], Path]


@pytest.fixture
def new_base() -> NewBase:
    """What makes a base model with random weights, for some tokens, in a folder."""

    def make(tokens: Path, output: Path) -> Path:
        torch.manual_seed(0)
        architecture = Architecture(32, 2, 2, 48, 0.0, "table_and_bits", "table_and_bits")
        model = Model(architecture, TokenDataset(Tokens(tokens), "train").token_spec)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        with artifacts.fresh(output) as folder:
            data.save(folder, model)
            artifacts.describe(folder, "language_model", inputs={}, counts={})
        return output

    return make


@pytest.fixture
def base(tokens: Path, new_base: NewBase, tmp_path: Path) -> Path:
    """A base model of the made-up shards."""
    return new_base(tokens, tmp_path / "base")


@pytest.fixture
def config() -> Config:
    optimization = PhaseOptimization(
        steps=6,
        schedule_steps=6,
        warmup_steps=2,
        learning_rate=1e-2,
        final_learning_rate=1e-3,
        weight_decay=0.1,
        betas=(0.9, 0.95),
        clip_norm=1.0,
        global_batch_tokens=80,
        head_chunk_tokens=0,
        precision="float32",
        checkpoint_every_steps=3,
    )
    mix = Mix(0.0, {"text_to_video": 1.0, "image_to_video": 1.0}, text_dropout=0.1, first_frame_share=0.0)
    return Config(threads=1, seed=1, mix=mix, quality_share=0.5, optimization=optimization, heldout_sequences=4)
