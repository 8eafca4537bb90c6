"""Configuration of the filter: limits of the rules, balancing of draws, and the split."""

import re
from dataclasses import dataclass

from components.common.formats import Formats

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class VisualLimits:
    """Limits on the frames of a clip."""

    min_motion: float
    """Least mean change of a pixel from frame to frame of a video, as a share of the full scale (0 to 1)."""
    min_speed: float
    """Least speed of the mean point of a video by optical flow, in frame widths per second."""
    max_speed: float
    """Greatest speed of the mean point of a video by optical flow, in frame widths per second."""
    max_jitter: float
    """Greatest share of a video's global motion that reverses at the next frame (0 to 1)."""
    min_sharpness: float
    """Least variance of the Laplacian of luma at 128 px, in squared levels."""
    max_dark: float
    """Greatest share of pixels that are black (0 to 1)."""
    max_bright: float
    """Greatest share of pixels that are white (0 to 1)."""
    max_letterbox: float
    """Greatest share of the image in bars of one color along opposite sides (0 to 1)."""
    max_text_overlay: float
    """Greatest share of the image under overlaid lines of letters (0 to 1); 1 turns the rule off."""

    def __post_init__(self) -> None:
        for name in ("min_motion", "max_jitter", "max_dark", "max_bright", "max_letterbox", "max_text_overlay"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"filter.visual.{name} must lie in [0, 1], got {getattr(self, name)}")
        if not 0 <= self.min_speed < self.max_speed:
            raise ValueError("filter.visual: min_speed must be at least 0 and below max_speed")


@dataclass(frozen=True)
class CaptionLimits:
    """Limits on the caption of a clip that has one."""

    min_words: int
    """Least number of words."""
    max_words: int
    """Greatest number of words."""
    languages: tuple[str, ...]
    """Allowed languages as ISO 639-1 codes; an empty list allows all."""
    max_duplicate_captions: int
    """Greatest number of other sources with the same caption."""
    boilerplate: tuple[str, ...]
    """Regular expressions of captions to drop, in addition to addresses and file names."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_words <= self.max_words:
            raise ValueError("filter.caption: min_words must be at least 0 and not above max_words")
        if self.max_duplicate_captions < 0:
            raise ValueError(
                f"filter.caption.max_duplicate_captions must be at least 0, got {self.max_duplicate_captions}"
            )
        for pattern in self.boilerplate:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"filter.caption.boilerplate: {pattern!r} is no regular expression: {error}") from None


@dataclass(frozen=True)
class ClipScoreRule:
    """Rule on the similarity of caption and frames (CLIP score)."""

    model: str
    """Name of a CLIP model in `pretrained.models`; '' turns the rule off."""
    min_similarity: float
    """Least cosine of the caption and the frame that fits it best (-1 to 1)."""

    def __post_init__(self) -> None:
        if not -1 <= self.min_similarity <= 1:
            raise ValueError(f"filter.clip_score.min_similarity must lie in [-1, 1], got {self.min_similarity}")


@dataclass(frozen=True)
class ClassifierRule:
    """Rule on the output of an image classifier."""

    model: str
    """Name of an image classifier in `pretrained.models`; '' turns the rule off."""
    labels: tuple[str, ...]
    """Labels of the model (`id2label`); the score is the sum of their probabilities."""
    limit: float
    """Probability (0 to 1) that an aesthetic score must reach, or that an unsafe score must not exceed."""

    def __post_init__(self) -> None:
        if self.model and not self.labels:
            raise ValueError(f"filter: `{self.model}` needs labels: the model's own, from id2label of its config.json")
        if not 0 <= self.limit <= 1:
            raise ValueError(f"filter: the limit of a classifier must lie in [0, 1], got {self.limit}")


@dataclass(frozen=True)
class AttributeBalance:
    """Balancing of training draws over the labels of an image classifier."""

    model: str
    """Name of an image classifier in `pretrained.models`; '' balances over no attribute."""
    labels: tuple[str, ...]
    """Labels of the model (`id2label`) to distinguish; at least two."""
    min_probability: float
    """Probability (0 to 1) of the most likely label below which a clip gets no label."""
    max_share: float
    """Greatest share of the draws of one label (0 to 1]; 1 does not balance over the attribute."""

    def __post_init__(self) -> None:
        if self.model and len(self.labels) < 2:
            raise ValueError(f"filter.balance.attribute: `{self.model}` needs two labels or more of id2label")
        if not 0 <= self.min_probability <= 1:
            raise ValueError(f"filter.balance.attribute.min_probability must lie in [0, 1], got {self.min_probability}")
        if not 0 < self.max_share <= 1:
            raise ValueError(f"filter.balance.attribute.max_share must lie in (0, 1], got {self.max_share}")


@dataclass(frozen=True)
class Balancing:
    """Weights of training clips, from the concepts of their captions and the labels of their frames."""

    max_share: float
    """Greatest share of the draws of one concept, which is a word of captions (0 to 1]; 1 does not balance."""
    max_draws: float
    """Greatest weight of a clip relative to the mean; its inverse is the least weight."""
    min_clips: int
    """Least number of training clips whose captions have a word for it to be a concept."""
    stopwords: tuple[str, ...]
    """Words that are not concepts, in lower case."""
    attribute: AttributeBalance
    """Balancing over the labels of an image classifier."""

    def __post_init__(self) -> None:
        if not 0 < self.max_share <= 1:
            raise ValueError(f"filter.balance.max_share must lie in (0, 1], got {self.max_share}")
        if self.max_draws < 1:
            raise ValueError(f"filter.balance.max_draws must be at least 1, the average, got {self.max_draws}")
        if self.min_clips < 1:
            raise ValueError(f"filter.balance.min_clips must be at least 1, got {self.min_clips}")

    @property
    def limits(self) -> dict[str, float | None]:
        """Greatest share of the draws of one concept and of one label; None where draws are not balanced."""
        attribute = self.attribute.max_share if self.attribute.model else 1
        most = {"attribute": attribute, "concept": self.max_share}
        return {name: share if share < 1 else None for name, share in most.items()}


@dataclass(frozen=True)
class Config:
    """Rules that a kept clip passes, and the split of sources that come without one."""

    formats: Formats
    """Clip formats of the whole pipeline; ingest must have used the same."""
    threads: int
    """Clips decoded and measured in parallel; changes no output."""
    min_duration_s: float
    """Least duration of a video clip, in seconds."""
    min_side_px: int
    """Least length of the shorter side as stored, in pixels."""
    licenses: tuple[str, ...]
    """Allowed licenses, spelled as the sources spell them; an empty list allows all."""
    opt_out: tuple[str, ...]
    """SHA-256 of source files that must not be trained on."""
    visual: VisualLimits
    """Limits on the frames."""
    caption: CaptionLimits
    """Limits on the caption."""
    clip_score: ClipScoreRule
    """Rule on the similarity of caption and frames."""
    aesthetic: ClassifierRule
    """Rule on the aesthetic score; its limit is a minimum."""
    unsafe: ClassifierRule
    """Rule on unsafe content; its limit is a maximum."""
    balance: Balancing
    """Weights of training clips."""
    duplicate_distance: float
    """Distance below which two clips are near-duplicates: the share of their difference that no crop and no change of
    light explains; in [0, 1)."""
    heldout_share: float
    """Share of the sources without a split that are held out; in [0, 1)."""
    shard_digits: int
    """Hex digits of the clip id that name a shard: 1, 2 or 3, for 16, 256 or 4096 shards per batch."""

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
            if not SHA256.fullmatch(digest):
                raise ValueError(f"filter.opt_out: {digest!r} is no SHA-256 (64 hex digits; sha256sum prints it)")

    @property
    def rules_off(self) -> list[str]:
        """Names of the rules that drop nothing: their list or model is not given, or nothing can exceed the limit."""
        given = {
            "license": self.licenses,
            "opt_out": self.opt_out,
            "text_overlay": self.visual.max_text_overlay < 1,
            "language": self.caption.languages,
            "clip_score": self.clip_score.model,
            "aesthetic": self.aesthetic.model,
            "unsafe": self.unsafe.model,
        }
        return sorted(name for name, value in given.items() if not value)
