from pathlib import Path

import numpy as np
import pytest
import torch

from components.common import artifacts
from components.language_model.config import Architecture, Config, Mix, Optimization
from components.language_model.model import Facts, Model
from components.language_model.sequence import Shape
from components.language_model.tasks import TASKS
from components.language_model.vocabulary import Vocabulary
from components.pretokenize import data as tokens_data

BITS, LEVELS, CODEBOOK, TEXT_TOKENS, TEXT_WIDTH = 6, 2, 8, 4, 12
SHAPES = {
    "image": Shape("image", (1, 2, 2), 0),
    "clip": Shape("clip", (3, 2, 2), 10),
    "clip_portrait": Shape("clip_portrait", (3, 3, 2), 10),
    "long": Shape("long", (4, 2, 2), 14),
}


@pytest.fixture(scope="session")
def facts() -> Facts:
    return Facts(Vocabulary(BITS, LEVELS, CODEBOOK), TEXT_WIDTH, TEXT_TOKENS, SHAPES)


@pytest.fixture(params=["table_and_bits", "halves"])
def architecture(request: pytest.FixtureRequest) -> Architecture:
    return Architecture(32, 2, 2, 48, 0.0, "table_and_bits", request.param)


@pytest.fixture
def model(architecture: Architecture, facts: Facts) -> Model:
    """Random everywhere: layers that start as zero would hide what they do."""
    torch.manual_seed(0)
    model = Model(architecture, facts)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture
def config(architecture: Architecture) -> Config:
    optimization = Optimization(
        steps=8,
        schedule_steps=8,
        warmup_steps=2,
        learning_rate=1e-2,
        final_learning_rate=1e-3,
        weight_decay=0.1,
        beta2=0.95,
        clip_norm=1.0,
        global_batch_tokens=120,
        head_chunk_tokens=0,
        precision="float32",
        checkpoint_every_steps=3,
    )
    mix = Mix(image_share=0.4, tasks=dict.fromkeys(TASKS, 1.0), text_dropout=0.2, first_frame_share=0.5)
    return Config(threads=1, seed=3, architecture=architecture, mix=mix, optimization=optimization, heldout_sequences=2)


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up shards: ten clips a format; the first is held out, the second has no caption, the third is silent."""
    random = np.random.default_rng(0)
    output = tmp_path_factory.mktemp("shards") / "tokens"
    facts = {
        "codebook_bits": BITS,
        "levels": LEVELS,
        "codebook_size": CODEBOOK,
        "latent": {name: list(shape.latent) for name, shape in SHAPES.items()},
        "text_width": TEXT_WIDTH,
        "text_tokens": TEXT_TOKENS,
    }
    with artifacts.fresh(output) as folder:
        for name, shape in SHAPES.items():
            tokens_data.write(folder / f"{name}.arrow", _columns(random, shape), facts)
        artifacts.describe(folder, "tokens", inputs={}, counts={name: 10 for name in SHAPES}, facts=facts)
    return output


def _columns(random: np.random.Generator, shape: Shape, rows: int = 10) -> dict[str, tokens_data.Column]:
    def codes() -> np.ndarray:
        return random.integers(0, 1 << BITS, (rows, *shape.latent), dtype=np.int32)

    lengths = np.array([3, 0, *[2] * (rows - 2)], np.int32)
    text = random.normal(size=(rows, TEXT_TOKENS, TEXT_WIDTH)).astype(np.float16)
    text[np.arange(TEXT_TOKENS) >= lengths[:, None]] = 0
    columns: dict[str, tokens_data.Column] = {
        "clip_id": [f"{shape.name}{row}" for row in range(rows)],
        "split": ["heldout", *["train"] * (rows - 1)],
        "caption": ["" if row == 1 else "words" for row in range(rows)],
        "start_s": np.zeros(rows),
        "end_s": np.ones(rows),
        "motion": np.ones(rows, np.float32),
        "visual": codes(),
        "audio_state": [
            "none" if not shape.audio_frames else "silent" if row == 2 else "audible" for row in range(rows)
        ],
        "text": text,
        "text_length": lengths,
        "weight": np.ones(rows),
    }
    if shape.audio_frames:
        columns["audio"] = random.integers(0, CODEBOOK, (rows, LEVELS, shape.audio_frames), dtype=np.int32)
    if shape.name.startswith("clip"):
        columns |= {"structure": codes(), "condition_inpaint_center": codes(), "condition_outpaint_center": codes()}
    return columns
