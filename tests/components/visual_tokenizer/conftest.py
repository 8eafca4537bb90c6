"""Configurations small enough for a test, and networks with weights that are not at rest."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from components.common.formats import Formats
from components.common.optimization import Optimization
from components.visual_tokenizer.config import Architecture, ClipSampling, Config, VisualLosses
from components.visual_tokenizer.model import Model


@pytest.fixture
def architecture() -> Architecture:
    """The paper's strides, (4, 8, 8), on narrow levels."""
    return Architecture(
        stem="conv",
        stem_px=1,
        kernel_t=3,
        channels=4,
        multipliers=(1, 2, 2, 2),
        blocks=1,
        middle_blocks=1,
        strides_t=(1, 2, 2),
        strides_px=(2, 2, 2),
        groups=2,
        codebook_bits=6,
    )


@pytest.fixture
def config(architecture: Architecture, formats: Formats) -> Config:
    """A video run of a network quick to train, in which every term but the perceptual one has weight."""
    quick = {"stem": "patch", "stem_px": 4, "multipliers": (1, 2, 2), "strides_t": (2, 2), "strides_px": (2, 1)}
    return Config(
        formats=formats,
        threads=1,
        seed=0,
        architecture=replace(architecture, channels=8, **quick),
        losses=VisualLosses(
            reconstruction=1.0,
            entropy=0.01,
            entropy_temperature=1.0,
            entropy_boost=1.0,
            entropy_boost_steps=4,
            commitment=0.1,
            perceptual=0.0,
            adversarial=0.1,
            adversarial_kind="non_saturating",
            gradient_penalty=1.0,
            lecam=0.01,
            lecam_decay=0.9,
            discriminator_start_step=2,
            discriminator_channels=4,
            discriminator_multipliers=(2, 2),
        ),
        sampling=ClipSampling(
            image_share=0.4,
            high_res_share=(0.2, 0.2),
            crops=2,
            balance=0.5,
            global_batch_images=4,
            global_batch_clips=2,
        ),
        precision="float32",
        optimization=Optimization(
            steps=6,
            learning_rate=0.002,
            final_learning_rate=4e-05,
            warmup_steps=2,
            betas=(0.9, 0.99),
            weight_decay=0.0,
            clip_norm=1.0,
        ),
        discriminator_learning_rate=0.001,
        discriminator_final_learning_rate=2e-05,
        ema_decay=0.9,
        checkpoint_every_steps=2,
        cache_mib=8,
        evaluation_clips=2,
    )


@pytest.fixture
def image_config(config: Config) -> Config:
    """The run on single frames that the video run starts from."""
    architecture = replace(config.architecture, kernel_t=1, strides_t=(1, 1))
    return replace(config, architecture=architecture, sampling=replace(config.sampling, image_share=1.0))


@pytest.fixture(scope="session")
def random_model() -> Callable[..., Model]:
    """Makes a network in double precision whose every weight, biases and scales too, is random."""

    def make(architecture: Architecture, seed: int = 0) -> Model:
        model = Model(architecture).double().eval().requires_grad_(False)
        draw = torch.Generator().manual_seed(seed)
        for parameter in model.parameters():
            parameter.copy_(0.15 * torch.randn(parameter.shape, generator=draw, dtype=parameter.dtype))
        return model

    return make
