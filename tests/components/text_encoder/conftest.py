"""A text encoder small enough for a test."""

import pytest

from components.common.optimization import Optimization
from components.text_encoder.config import Train


@pytest.fixture
def train() -> Train:
    return Train(
        vocabulary=256,
        width=16,
        layers=1,
        heads=2,
        head_width=8,
        feed_forward_width=32,
        dropout=0.1,
        noise_share=0.3,
        span_tokens=1.5,
        optimization=Optimization(
            steps=6,
            learning_rate=0.002,
            final_learning_rate=0.0002,
            warmup_steps=2,
            betas=(0.9, 0.999),
            weight_decay=0.01,
            clip_norm=1.0,
        ),
        global_batch_captions=8,
        checkpoint_every_steps=2,
    )


@pytest.fixture
def captions() -> list[str]:
    colors, shapes = ("red", "green", "blue"), ("circle", "square", "star")
    return sorted(f"a {color} {shape} moves up" for color in colors for shape in shapes)
