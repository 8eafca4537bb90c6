"""Settings of an adaptation."""

from dataclasses import dataclass

from components.language_model.config import Mix, PhaseOptimization


@dataclass(frozen=True)
class Config:
    """Further training of the base model on a few tasks, with a new optimizer and schedule."""

    threads: int
    """CPU threads of the stage."""

    seed: int
    """Seed of tasks, batches and held-out draws."""

    mix: Mix
    """Tasks to adapt to."""

    quality_share: float
    """Share of the captioned clips to train on: those whose caption lowers their loss most; 1 keeps all clips."""

    optimization: PhaseOptimization
    """Optimizer, learning-rate schedule and batch size."""

    heldout_sequences: int
    """Sequences per task for the loss on held-out clips."""

    def __post_init__(self) -> None:
        if not 0 < self.quality_share <= 1:
            raise ValueError(f"quality_share must be a share above 0, got {self.quality_share}")
        if self.optimization.schedule_steps != self.optimization.steps:
            raise ValueError("optimization.schedule_steps must equal steps: an adaptation is one run")
