"""Settings of the evaluation."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """One evaluation of all samples."""

    formats: Formats
    """Shapes of clips, images and audio: the section `formats`."""

    threads: int
    """CPU threads of the stage."""

    seed: int
    """Seed of the bootstrap."""

    heldout_clips: int
    """Real clips, and as many images, at most that give the ceilings, in the order of their ids."""

    bootstrap_draws: int
    """Resamples for each 95 % interval."""

    crf: int
    """Constant rate factor that generate used: ceilings and baselines go through the same video codec as samples."""

    moving_threshold: int
    """A pixel moves if a channel, of 0 … 255, differs by more than this from the last given frame."""

    def __post_init__(self) -> None:
        if self.heldout_clips < 2:
            raise ValueError(f"heldout_clips must be at least 2: distances compare spreads; got {self.heldout_clips}")
        if self.bootstrap_draws < 1:
            raise ValueError(f"bootstrap_draws must be positive, got {self.bootstrap_draws}")
        if not 0 <= self.moving_threshold < 255:
            raise ValueError(f"moving_threshold must be in 0..254, got {self.moving_threshold}")
