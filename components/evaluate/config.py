"""What may be chosen about the evaluation."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """One scoring of all samples."""

    formats: Formats
    threads: int
    seed: int
    heldout_clips: (
        int  # real clips, and as many pictures, at the most that give the ceilings; in the order of their ids
    )
    bootstrap_draws: int  # for the 95 % intervals
    constant_rate_factor: int  # generate's: ceilings and baselines go through the same video codec as the samples
    moving_threshold: int  # a pixel moves where a channel differs by more from the last given frame, of 0..255

    def __post_init__(self) -> None:
        if self.heldout_clips < 2:
            raise ValueError(f"heldout_clips must be at least 2: distances compare spreads; got {self.heldout_clips}")
        if self.bootstrap_draws < 1:
            raise ValueError(f"bootstrap_draws must be positive, got {self.bootstrap_draws}")
        if not 0 <= self.moving_threshold < 255:
            raise ValueError(f"moving_threshold must be in 0..254, got {self.moving_threshold}")
