"""What may be chosen about keeping clips."""

import re
from dataclasses import dataclass

from components.common.formats import Formats

HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Picture:
    """Limits of what is to be seen in a clip."""

    min_motion: float  # of a video: mean change of a pixel from frame to frame, as a share of the full scale
    min_speed: float  # of a video: of the mean point by optical flow, in widths a second
    max_speed: float
    max_jitter: float  # of a video: share of the whole picture's motion that turns back at the next frame
    min_sharpness: float  # variance of the Laplacian at 128 px, in squared levels
    max_dark: float  # share of pixels without light
    max_bright: float
    max_bars: float  # share of the picture in bars of one colour along its sides
    max_overlaid: float  # share of the picture in lines of letters laid over it; 1 turns the rule off

    def __post_init__(self) -> None:
        for name in ("min_motion", "max_jitter", "max_dark", "max_bright", "max_bars", "max_overlaid"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"filter.picture.{name} must lie in [0, 1], got {getattr(self, name)}")
        if not 0 <= self.min_speed < self.max_speed:
            raise ValueError("filter.picture: min_speed must be at least 0 and below max_speed")


@dataclass(frozen=True)
class Caption:
    """Limits of the words of a clip that has some."""

    min_words: int
    max_words: int
    languages: tuple[str, ...]  # ISO 639-1; none allows all
    max_repeats: int  # other sources that have the same caption
    boilerplate: tuple[str, ...]  # regular expressions, beside addresses and names of files

    def __post_init__(self) -> None:
        if not 0 <= self.min_words <= self.max_words:
            raise ValueError("filter.caption: min_words must be at least 0 and not above max_words")
        if self.max_repeats < 0:
            raise ValueError(f"filter.caption.max_repeats must be at least 0, got {self.max_repeats}")
        for pattern in self.boilerplate:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"filter.caption.boilerplate: {pattern!r} is no regular expression: {error}") from None


@dataclass(frozen=True)
class Match:
    """How well the words must fit the picture, by a CLIP of `pretrained.models`; "" turns the rule off."""

    model: str
    min_similarity: float  # cosine

    def __post_init__(self) -> None:
        if not -1 <= self.min_similarity <= 1:
            raise ValueError(f"filter.match.min_similarity must lie in [-1, 1], got {self.min_similarity}")


@dataclass(frozen=True)
class Classifier:
    """What a classifier of pictures from `pretrained.models` must say; "" turns the rule off."""

    model: str
    labels: tuple[str, ...]  # of the model; their probabilities add up to the score
    limit: float  # an aesthetic score must reach it, an unsafe one stay below

    def __post_init__(self) -> None:
        if self.model and not self.labels:
            raise ValueError(f"filter: `{self.model}` needs labels: the model's own, from id2label of its config.json")
        if not 0 <= self.limit <= 1:
            raise ValueError(f"filter: the limit of a classifier must lie in [0, 1], got {self.limit}")


@dataclass(frozen=True)
class Attribute:
    """What a classifier of pictures from `pretrained.models` tells clips apart by; "" turns it off."""

    model: str
    labels: tuple[str, ...]  # of the model: those that are told apart
    min_probability: float  # of the likeliest label; below it none is told
    max_share: float  # of the draws that a label may have; 1 draws all alike

    def __post_init__(self) -> None:
        if self.model and len(self.labels) < 2:
            raise ValueError(f"filter.balance.attribute: `{self.model}` needs two labels or more of id2label")
        if not 0 <= self.min_probability <= 1:
            raise ValueError(f"filter.balance.attribute.min_probability must lie in [0, 1], got {self.min_probability}")
        if not 0 < self.max_share <= 1:
            raise ValueError(f"filter.balance.attribute.max_share must lie in (0, 1], got {self.max_share}")


@dataclass(frozen=True)
class Balance:
    """How often training clips are drawn, by what their captions and pictures have in common."""

    max_share: float  # of the draws that a concept, a word of captions, may have; 1 draws all alike
    max_draws: float  # of a clip, while one of the average is drawn once; one over it is the least
    min_clips: int  # a word in the captions of fewer training clips is no concept
    filling: tuple[str, ...]  # words that are no concepts, in lower case
    attribute: Attribute

    def __post_init__(self) -> None:
        if not 0 < self.max_share <= 1:
            raise ValueError(f"filter.balance.max_share must lie in (0, 1], got {self.max_share}")
        if self.max_draws < 1:
            raise ValueError(f"filter.balance.max_draws must be at least 1, the average, got {self.max_draws}")
        if self.min_clips < 1:
            raise ValueError(f"filter.balance.min_clips must be at least 1, got {self.min_clips}")

    @property
    def limits(self) -> dict[str, float | None]:
        """Most of the draws that a concept and a label may have; None where draws are not balanced over them."""
        attribute = self.attribute.max_share if self.attribute.model else 1
        most = {"attribute": attribute, "concept": self.max_share}
        return {name: share if share < 1 else None for name, share in most.items()}


@dataclass(frozen=True)
class Config:
    """The rules a clip must pass, and how sources without a split are divided."""

    formats: Formats
    threads: int
    min_duration_s: float  # of a video
    min_side_px: int
    licences: tuple[str, ...]  # of sources, as they call them; none allows all
    opt_out: tuple[str, ...]  # SHA-256 of sources that nothing may be learnt from
    picture: Picture
    caption: Caption
    match: Match
    aesthetic: Classifier
    unsafe: Classifier
    balance: Balance
    duplicate_distance: float  # share of what is seen, moves and is coloured that a cut or other light cannot explain
    heldout_share: float  # of the sources that come without a split
    shard_digits: int  # shards are named by so many hex digits of the clip id

    def __post_init__(self) -> None:
        for name in ("duplicate_distance", "heldout_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"filter.{name} must lie in [0, 1), got {getattr(self, name)}")
        shortest_s = self.formats.clip_frames / self.formats.fps
        if self.min_duration_s > self.formats.long_frames / self.formats.fps:
            raise ValueError(f"filter.min_duration_s would drop every clip: choose at most {shortest_s}")
        if self.threads < 1 or not 1 <= self.shard_digits <= 3:
            raise ValueError("filter: threads must be positive and shard_digits 1, 2 or 3")
        for digest in self.opt_out:
            if not HASH.fullmatch(digest):
                raise ValueError(f"filter.opt_out: {digest!r} is no SHA-256 (64 hex digits; sha256sum prints it)")

    @property
    def rules_off(self) -> list[str]:
        """Rules that drop nothing because what they need, or a limit that anything could break, is not given."""
        given = {
            "licence": self.licences,
            "opt_out": self.opt_out,
            "overlaid_text": self.picture.max_overlaid < 1,
            "language": self.caption.languages,
            "match": self.match.model,
            "aesthetic": self.aesthetic.model,
            "unsafe": self.unsafe.model,
        }
        return sorted(name for name, value in given.items() if not value)
