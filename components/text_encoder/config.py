"""Parameters of the text encoder: public T5 weights, or a small T5 trained on the captions."""

from dataclasses import dataclass
from typing import Literal

from components.common.formats import Formats
from components.common.optimization import Optimization


@dataclass(frozen=True)
class Train:
    """A small T5 v1.1 and how it learns to fill spans (Raffel et al., 2020, section 3.1.4)."""

    vocabulary: int
    """Word pieces at most, special tokens included."""

    width: int
    """Width of the token vectors."""

    layers: int
    """Layers of the encoder, and of the decoder that trains it."""

    heads: int
    """Attention heads of each layer."""

    head_width: int
    """Width of each head."""

    feed_forward_width: int
    """Width of the hidden layer of each feed-forward block."""

    dropout: float
    """Share of activations set to 0 in training."""

    noise_share: float
    """Share of a caption's tokens that is masked."""

    span_tokens: float
    """Mean length of a masked span in tokens."""

    optimization: Optimization
    """Optimizer and learning-rate schedule."""

    global_batch_captions: int
    """Captions a step, over all processes."""

    checkpoint_every_steps: int
    """Steps between checkpoints from which a stopped training resumes."""

    def __post_init__(self) -> None:
        if not 0 < self.noise_share < 1 or self.span_tokens < 1:
            raise ValueError("train.noise_share must lie between 0 and 1, and train.span_tokens be at least 1")
        if self.vocabulary < 256:
            raise ValueError(f"train.vocabulary must hold single characters too: at least 256, got {self.vocabulary}")


@dataclass(frozen=True)
class Config:
    """The origin of the encoder."""

    formats: Formats
    """The shapes and rates that all stages share."""

    threads: int
    """CPU threads that the stage uses."""

    seed: int
    """Seed of weights, batches and all other random numbers."""

    kind: Literal["train", "t5"]
    """`train` a small T5 on the captions, or take public `t5` weights."""

    pretrained: str
    """For kind t5: the name of a model of the `pretrained` section; '' otherwise."""

    train: Train | None
    """For kind train: the model and its training; null otherwise."""

    def __post_init__(self) -> None:
        if self.kind == "train" and self.train is None:
            raise ValueError("text_encoder.kind is train: give text_encoder.train its values, or choose kind t5")
        if self.kind == "t5" and not self.pretrained:
            raise ValueError("text_encoder.kind is t5: name one of pretrained.models in text_encoder.pretrained")
