"""What the page knows: records without a reader, so that drawing needs no file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "video"]
Points = tuple[tuple[float, float], ...]  # (step, value)


@dataclass(frozen=True)
class MediaFile:
    """A file that can be shown, by its name relative to the folder it was found in."""

    name: str
    kind: Kind
    height_px: int
    width_px: int
    sound: bool


@dataclass(frozen=True)
class ModelResults:
    """What a model's folder says of it; without curves if it was not trained here."""

    metrics: Mapping[str, float]
    curves: Mapping[str, Points]  # scalar -> its points, without the stretches that lack it
    pictures: tuple[MediaFile, ...]


@dataclass(frozen=True)
class ManifestCounts:
    """What a data stage counted, and how many things it left out, by reason."""

    counts: Mapping[str, int]
    dropped: Mapping[str, int]


@dataclass(frozen=True)
class Answer:
    """What the judge sees in a sample, beside what the prompt asked for."""

    attribute: str
    wanted: str
    answered: str

    @property
    def right(self) -> bool:
        """Whether the two agree."""
        return self.wanted == self.answered
