"""What may be chosen about the language model."""

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
    layers: int
    heads: int
    hidden: int  # channels of a feed-forward layer
    dropout: float
    visual_embedding: CodeVectors  # "bits": a visual code is the sum of one vector per sign bit
    visual_head: CodeVectors | Literal["halves"]  # of the output rows; "halves": the low bits, then the high ones

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.heads, self.hidden) < 1:
            raise ValueError(f"architecture: width, layers, heads and hidden must be positive: {self}")
        if self.width % (2 * self.heads):
            raise ValueError(f"architecture.width must be a multiple of 2 × heads ({2 * self.heads}), got {self.width}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"architecture.dropout must be in [0, 1), got {self.dropout}")


@dataclass(frozen=True)
class Mix:
    """Which tasks are trained, and how often."""

    image_share: float  # of all steps; the others are video
    tasks: dict[str, float]  # weights, relative among the image tasks and among the video tasks
    text_dropout: float  # share of captions left out, for classifier-free guidance
    first_frame_share: float  # of stylization steps that are given the first frame too

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
        """Task weights of one medium, summing to 1."""
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
    seed: int
    architecture: Architecture
    mix: Mix
    optimization: PhaseOptimization
    heldout_sequences: int  # per task, for the loss on clips that were not trained on
