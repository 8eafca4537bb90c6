"""Settings of the report."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """How much the report shows, and how large."""

    formats: Formats
    """Shapes and rates of clips: the section `formats`."""

    threads: int
    """CPU threads that decode and encode clips."""

    samples_per_task: int
    """Clips shown for each task, at least 1; they are picked evenly from all samples of the task."""

    shown_px: int
    """Width in pixels at which a base clip is shown, at least formats.width_px; rounded to a whole multiple of it."""

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
