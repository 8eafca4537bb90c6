"""The codec refuses nonsense in words that say what to change."""

from dataclasses import replace

import pytest

from components.audio_tokenizer.config import Config


def test_one_code_frame_covers_the_product_of_patch_and_strides(config: Config) -> None:
    assert config.architecture.hop == 80
    assert config.architecture.widths == (8, 16, 16)


def test_strides_longer_than_a_clip_are_refused(config: Config) -> None:
    with pytest.raises(ValueError, match="use smaller strides"):
        replace(config, architecture=replace(config.architecture, strides=(64, 64)))


def test_codes_that_would_never_start_are_refused(config: Config) -> None:
    with pytest.raises(ValueError, match=r"must come before optimization\.steps"):
        replace(config, codebooks=replace(config.codebooks, start_step=6))


def test_spectra_longer_than_the_training_window_are_refused(config: Config) -> None:
    with pytest.raises(ValueError, match="must fit the 640 samples"):
        replace(config, losses=replace(config.losses, spectral_windows=(1024,)))


@pytest.mark.parametrize("change", [{"strides": ()}, {"dilations": (0,)}, {"codebook_size": 1}, {"growth": 0.5}])
def test_impossible_architectures_are_refused(config: Config, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="architecture"):
        replace(config.architecture, **change)  # type: ignore[arg-type] # wrong on purpose
