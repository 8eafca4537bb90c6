"""What may be chosen about the page."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """How much the page shows, and how large."""

    formats: Formats
    threads: int
    samples_per_task: int  # clips shown for each task, picked evenly from all that there are
    shown_px: int  # width at which a base clip is shown, about: base pixels are enlarged by a whole number

    def __post_init__(self) -> None:
        if self.samples_per_task < 1:
            raise ValueError(f"report.samples_per_task must be positive, got {self.samples_per_task}")
        if self.shown_px < self.formats.width_px:
            raise ValueError(
                f"report.shown_px must be at least formats.width_px ({self.formats.width_px}), got {self.shown_px}"
            )

    @property
    def base_width_px(self) -> int:
        """Width on the page of a base clip: the whole multiple of its pixels that is nearest to `shown_px`."""
        return self.formats.width_px * max(1, round(self.shown_px / self.formats.width_px))
