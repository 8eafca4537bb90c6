"""What may be chosen about the card of the data."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """How much the card shows, and how far the data may drift from the reference."""

    formats: Formats
    threads: int
    seed: int  # of what is shown
    kept_shown: int  # clips
    dropped_shown: int  # clips or files, of each reason
    tile_px: int  # height of a frame on the card
    max_drift: float  # population stability index of a column; 0.1 is a shift to look at, 0.25 a large one

    def __post_init__(self) -> None:
        for name in ("threads", "kept_shown", "dropped_shown", "tile_px"):
            if getattr(self, name) < 1:
                raise ValueError(f"data_card.{name} must be positive, got {getattr(self, name)}")
        if self.max_drift <= 0:
            raise ValueError(f"data_card.max_drift must be above 0, got {self.max_drift}")
