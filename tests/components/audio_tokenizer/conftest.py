"""A codec and a configuration small enough for a test."""

import pytest
import torch

from components.audio_tokenizer.config import Architecture, AudioLosses, Codebooks, Config
from components.audio_tokenizer.model import Model
from components.common.formats import Formats
from components.common.optimization import Optimization


@pytest.fixture
def config(formats: Formats) -> Config:
    return Config(
        formats=formats,
        threads=1,
        seed=0,
        architecture=Architecture(
            patch=10,
            channels=8,
            growth=2,
            max_channels=16,
            strides=(2, 4),
            dilations=(1, 3),
            activation="snake",
            latent_width=6,
            levels=3,
            codebook_size=16,
        ),
        codebooks=Codebooks(decay=0.9, kmeans_iterations=4, start_step=2, dead_share=0.1),
        losses=AudioLosses(
            waveform=1.0,
            spectral=1.0,
            spectral_windows=(128, 256),
            mels=16,
            floor=0.01,
            commitment=0.25,
            adversarial=1.0,
            feature_matching=1.0,
            discriminator_channels=1,
            discriminator_start_step=3,
            discriminator_window=128,
        ),
        optimization=Optimization(
            steps=6,
            learning_rate=0.002,
            final_learning_rate=0.0002,
            warmup_steps=2,
            betas=(0.8, 0.99),
            weight_decay=0.0,
            clip_norm=1.0,
        ),
        discriminator_learning_rate=0.001,
        discriminator_final_learning_rate=0.0001,
        global_batch_sounds=4,
        window_frames=8,
        level_dropout=0.5,
        ema_decay=0.9,
        checkpoint_every_steps=2,
        cache_mib=1,
        evaluation_sounds=4,
    )


@pytest.fixture
def model(config: Config) -> Model:
    """An untrained codec with random codes."""
    torch.manual_seed(0)
    model = Model(config.architecture)
    model.quantizer.codebooks.normal_(std=0.3)
    return model.eval().requires_grad_(False)
