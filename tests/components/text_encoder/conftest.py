"""A text encoder small enough for a test."""

import pytest

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
        steps=6,
        global_batch=8,
        learning_rate=0.002,
        warmup_steps=2,
        gradient_clip=1.0,
        checkpoint_every_steps=2,
    )


@pytest.fixture
def captions() -> list[str]:
    colours, shapes = ("red", "green", "blue"), ("circle", "square", "star")
    return sorted(f"a {colour} {shape} moves up" for colour in colours for shape in shapes)
