"""Settings of the language model: architecture, task mixture, training and sampling."""

import math
from dataclasses import dataclass
from typing import Literal

from components.common.optimization import Optimization
from components.language_model.tasks import TASKS

CodeVectors = Literal["table", "bits", "table_and_bits"]


@dataclass(frozen=True)
class Architecture:
    """A decoder-only prefix language model (paper, §5.3: 300 M, 1 B and 8 B parameters)."""

    width: int
    """Width of the transformer; a multiple of 2 × heads."""

    layers: int
    """Decoder blocks."""

    heads: int
    """Attention heads."""

    feed_forward_width: int
    """Width of the feed-forward layers (SwiGLU)."""

    dropout: float
    """Share of activations that training drops, after the embedding and in each block; 0 turns it off."""

    visual_embedding: CodeVectors
    """Embedding of visual codes: a free vector a code ("table"), the sum of a vector per sign bit ("bits"), or both."""

    visual_head: CodeVectors | Literal["factorized"]
    """Output vectors of visual codes, as above; "factorized" predicts the low bits, then the high ones."""

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.heads, self.feed_forward_width) < 1:
            raise ValueError(f"architecture: width, layers, heads and feed_forward_width must be positive: {self}")
        if self.width % (2 * self.heads):
            raise ValueError(f"architecture.width must be a multiple of 2 × heads ({2 * self.heads}), got {self.width}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"architecture.dropout must be in [0, 1), got {self.dropout}")


@dataclass(frozen=True)
class Mix:
    """Task mixture: which tasks are trained, and how often (paper, §4.2)."""

    image_share: float
    """Share of steps that train image tasks; the others train video tasks."""

    tasks: dict[str, float]
    """Weights of the tasks to train, relative among the image tasks and among the video tasks."""

    text_dropout: float
    """Share of captions that training drops, for classifier-free guidance."""

    first_frame_share: float
    """Share of stylization steps that are given the first frame too."""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.tasks) - set(TASKS)):
            raise ValueError(f"mix.tasks: no task {', '.join(unknown)}; choose among {', '.join(TASKS)}")
        if any(weight <= 0 for weight in self.tasks.values()):
            raise ValueError(f"mix.tasks: weights must be positive, leave a task out instead: {self.tasks}")
        for name in ("image_share", "text_dropout", "first_frame_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"mix.{name} must be a share between 0 and 1, got {getattr(self, name)}")
        for media, share in (("image", self.image_share), ("video", 1 - self.image_share)):
            if share > 0 and not self.weights(media):
                raise ValueError(f"mix.image_share is {self.image_share}, but mix.tasks has no {media} task")

    def weights(self, media: str) -> dict[str, float]:
        """Return the task weights of one medium, which sum to 1."""
        weights = {name: weight for name, weight in sorted(self.tasks.items()) if TASKS[name].media == media}
        return {name: weight / math.fsum(weights.values()) for name, weight in weights.items()}


@dataclass(frozen=True)
class PhaseOptimization(Optimization):
    """One run among several that share a schedule of `schedule_steps`, with what its steps hold in memory."""

    schedule_steps: int
    """Optimizer steps of all runs that continue each other; the learning rate follows one schedule over them."""

    global_batch_tokens: int
    """Positions a step, over all processes; a group's batch is as many sequences as fit."""

    head_chunk_tokens: int
    """Output positions whose logits a flat head holds at once; 0 holds all."""

    precision: Literal["float32", "bfloat16"]
    """Number format of the layers; the loss is float32."""

    checkpoint_every_steps: int
    """Steps between checkpoints from which a stopped training resumes."""

    def __post_init__(self) -> None:
        if self.schedule_steps < self.steps:
            raise ValueError(
                f"optimization.schedule_steps must cover this run's {self.steps}, got {self.schedule_steps}"
            )
        super().__post_init__()
        if min(self.global_batch_tokens, self.checkpoint_every_steps) < 1 or self.head_chunk_tokens < 0:
            raise ValueError(
                "optimization: global_batch_tokens and checkpoint_every_steps must be positive, and head_chunk_tokens "
                "not negative"
            )

    @property
    def horizon(self) -> int:
        """Steps that the schedule spans."""
        return self.schedule_steps


@dataclass(frozen=True)
class Config:
    """One phase of pre-training."""

    threads: int
    """CPU threads of the stage."""

    seed: int
    """Seed of weights, tasks, batches and held-out draws."""

    architecture: Architecture
    """Sizes of the model; all phases need the same."""

    mix: Mix
    """Tasks of this phase."""

    optimization: PhaseOptimization
    """Optimizer, learning-rate schedule and batch size."""

    heldout_sequences: int
    """Sequences per task for the loss on held-out clips."""


@dataclass(frozen=True)
class SamplingConfig:
    """Settings for drawing the next code; a factorized head applies them to each factor."""

    guidance: float
    """Weight of classifier-free guidance: 1 follows the text as learned, more exaggerates it. Tasks without text ignore
    it."""

    temperature: float
    """Divides the logits; 0 takes the likeliest code."""

    top_k: int
    """Number of likeliest codes that may be drawn; 0 keeps all."""

    top_p: float
    """Probability that the likeliest codes, which may be drawn, reach together; 1 keeps all."""

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise ValueError(f"sampling: temperature and top_k must not be negative, and 0 < top_p ≤ 1: {self}")
