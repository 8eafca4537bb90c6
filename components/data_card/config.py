"""Settings of the data card."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """How much the card shows, and how far the data may drift from the accepted card."""

    formats: Formats
    """Shapes and rates of clips: the section `formats`."""

    threads: int
    """CPU threads that decode the clips shown."""

    seed: int
    """Seed of the choice of clips and files shown."""

    kept_shown: int
    """Kept clips shown, at least 1."""

    dropped_shown: int
    """Dropped clips, or files, shown for each reason, at least 1."""

    tile_px: int
    """Height in pixels of a frame on the card."""

    max_drift: float
    """Largest population stability index of a column before the gate fails; 0.1 is a noticeable shift, 0.25 large."""

    def __post_init__(self) -> None:
        for name in ("threads", "kept_shown", "dropped_shown", "tile_px"):
            if getattr(self, name) < 1:
                raise ValueError(f"data_card.{name} must be positive, got {getattr(self, name)}")
        if self.max_drift <= 0:
            raise ValueError(f"data_card.max_drift must be above 0, got {self.max_drift}")
