"""The text encoder's configuration names what is missing for its kind."""

from dataclasses import replace

import pytest

from components.common.formats import Formats
from components.text_encoder.config import Config, Train


def test_each_kind_asks_for_what_it_needs(formats: Formats, train: Train) -> None:
    Config(formats, 1, 0, "train", "", train)
    Config(formats, 1, 0, "t5", "t5_xl", None)
    with pytest.raises(ValueError, match=r"give text_encoder\.train its values"):
        Config(formats, 1, 0, "train", "", None)
    with pytest.raises(ValueError, match=r"name one of pretrained\.models"):
        Config(formats, 1, 0, "t5", "", train)


def test_noise_must_be_a_share(train: Train) -> None:
    with pytest.raises(ValueError, match="noise_share"):
        replace(train, noise_share=1.0)
