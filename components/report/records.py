"""Records that the page is drawn from; they have no readers here, so that drawing needs no file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "video"]
Points = tuple[tuple[float, float], ...]  # (step, value)


@dataclass(frozen=True)
class MediaFile:
    """A file that can be shown, by its name relative to its folder."""

    name: str
    kind: Kind
    height_px: int
    width_px: int
    audio: bool


@dataclass(frozen=True)
class ModelResults:
    """Contents of a model's folder; there are no curves if it was not trained here."""

    metrics: Mapping[str, float]
    curves: Mapping[str, Points]  # scalar -> its points, without the stretches that lack it
    images: tuple[MediaFile, ...]
    parameters: int | None = None  # None if the folder does not say
    steps: int | None = None


@dataclass(frozen=True)
class ManifestCounts:
    """Counts of a data stage's manifest, and how many things it left out, by reason."""

    counts: Mapping[str, int]
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class Answer:
    """An attribute of a sample: the judge's answer beside the value that the prompt asked for."""

    attribute: str
    wanted: str
    answered: str

    @property
    def right(self) -> bool:
        """True if the two agree."""
        return self.wanted == self.answered
