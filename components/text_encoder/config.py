"""What may be chosen about the text encoder: public T5 weights, or a small T5 trained on the captions."""

from dataclasses import dataclass
from typing import Literal

from components.common.formats import Formats


@dataclass(frozen=True)
class Train:
    """A small T5 v1.1 and how it learns to fill spans (Raffel et al., 2020, section 3.1.4)."""

    vocabulary: int  # word pieces at most, special tokens included
    width: int
    layers: int
    heads: int
    head_width: int
    feed_forward_width: int
    dropout: float
    noise_share: float  # share of a caption's tokens that is hidden
    span_tokens: float  # mean length of a hidden span
    steps: int
    global_batch: int
    learning_rate: float
    warmup_steps: int
    gradient_clip: float
    checkpoint_every_steps: int

    def __post_init__(self) -> None:
        if not 0 < self.noise_share < 1 or self.span_tokens < 1:
            raise ValueError("train.noise_share must lie between 0 and 1, and train.span_tokens be at least 1")
        if self.vocabulary < 256:
            raise ValueError(f"train.vocabulary must hold single characters too: at least 256, got {self.vocabulary}")


@dataclass(frozen=True)
class Config:
    """Where the encoder comes from."""

    formats: Formats
    threads: int
    seed: int
    kind: Literal["train", "t5"]
    pretrained: str  # for kind t5: the name of a model of the `pretrained` section
    train: Train | None  # for kind train

    def __post_init__(self) -> None:
        if self.kind == "train" and self.train is None:
            raise ValueError("text_encoder.kind is train: give text_encoder.train its values, or choose kind t5")
        if self.kind == "t5" and not self.pretrained:
            raise ValueError("text_encoder.kind is t5: name one of pretrained.models in text_encoder.pretrained")
