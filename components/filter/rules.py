"""Rules that decide whether a clip is kept, from the metadata and scores of that clip alone. Pure.

A rule is a limit on one score, with its unit and the reason it gives, or a list of allowed or forbidden values. A score
that was not measured (speed of an image, CLIP score without a model) breaks no rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from components.filter import captions
from components.filter.config import Config
from components.ingest.data import Clip

Broken = tuple[str, str]  # reason and detail


@dataclass(frozen=True)
class ClipScores:
    """Scores of a clip; one column each of `scores.parquet`."""

    side_px: int | None = None  # the shorter side
    duration_s: float | None = None  # of a video, as all up to jitter
    motion: float | None = None  # mean change of a pixel from frame to frame, 0 to 1
    speed: float | None = None
    jitter: float | None = None
    sharpness: float | None = None
    dark: float | None = None
    bright: float | None = None
    letterbox: float | None = None
    text_overlay: float | None = None
    words: int | None = None  # of a clip with a caption, as language and duplicates
    language: str | None = None
    duplicate_captions: int | None = None
    clip_score: float | None = None
    aesthetic: float | None = None
    unsafe: float | None = None
    attribute: str | None = None  # label of a classifier that is confident enough; used by no rule


@dataclass(frozen=True)
class ScoreRule:
    """Rule on one score: the least or the greatest value of a kept clip."""

    reason: str
    score: str
    unit: str
    least: float = -inf
    most: float = inf

    def found(self, scores: ClipScores) -> str | None:
        """Describe a score outside of the limit; None if it is within."""
        value: float | None = getattr(scores, self.score)
        if value is None or self.least <= value <= self.most:
            return None
        bound = f"less than {self.least:g}" if value < self.least else f"more than {self.most:g}"
        return f"{self.score} {value:g} {self.unit}, {bound}"


def limits(config: Config) -> tuple[ScoreRule, ...]:
    """Return all limits in the order in which they are checked: the first broken one gives the reason."""
    visual, caption = config.visual, config.caption
    return (
        ScoreRule("too_small", "side_px", "px", least=config.min_side_px),
        ScoreRule("too_short", "duration_s", "s", least=config.min_duration_s),
        ScoreRule("unsafe", "unsafe", "probability", most=config.unsafe.limit),
        ScoreRule("too_still", "motion", "of the full scale", least=visual.min_motion),
        ScoreRule("too_slow", "speed", "widths/s", least=visual.min_speed),
        ScoreRule("too_fast", "speed", "widths/s", most=visual.max_speed),
        ScoreRule("jittery", "jitter", "of the motion", most=visual.max_jitter),
        ScoreRule("blurred", "sharpness", "squared levels", least=visual.min_sharpness),
        ScoreRule("too_dark", "dark", "of the pixels", most=visual.max_dark),
        ScoreRule("too_bright", "bright", "of the pixels", most=visual.max_bright),
        ScoreRule("letterboxed", "letterbox", "of the image", most=visual.max_letterbox),
        ScoreRule("text_overlay", "text_overlay", "of the image", most=visual.max_text_overlay),
        ScoreRule("few_words", "words", "words", least=caption.min_words),
        ScoreRule("many_words", "words", "words", most=caption.max_words),
        ScoreRule("duplicate_caption", "duplicate_captions", "other sources", most=caption.max_duplicate_captions),
        ScoreRule("low_clip_score", "clip_score", "cosine", least=config.clip_score.min_similarity),
        ScoreRule("not_aesthetic", "aesthetic", "probability", least=config.aesthetic.limit),
    )


def stated(config: Config) -> list[dict[str, str | float | None]]:
    """Return all limits as JSON values for the manifest; None where there is no bound."""
    bounds = {inf: None, -inf: None}
    return [
        {
            "reason": limit.reason,
            "score": limit.score,
            "unit": limit.unit,
            "least": bounds.get(limit.least, limit.least),
            "most": bounds.get(limit.most, limit.most),
        }
        for limit in limits(config)
    ]


def broken(clip: Clip, scores: ClipScores, config: Config) -> Broken | None:
    """Return reason and detail of the first rule that the clip breaks, or None if it passes all."""
    return next(_broken(clip, scores, config), None)


def opted_out(clip: Clip, config: Config) -> bool:
    """Return True if the clip's source must not be trained on."""
    return clip.source_sha256 in config.opt_out


def license_not_allowed(clip: Clip, config: Config) -> bool:
    """Return True if the clip's license is not among the allowed ones; an empty list allows all."""
    return bool(config.licenses) and clip.license not in config.licenses


def other_language(scores: ClipScores, config: Config) -> bool:
    """Return True if the caption's language is not among the allowed ones; an empty list allows all."""
    allowed = config.caption.languages
    return bool(allowed) and scores.language is not None and scores.language not in allowed


def boilerplate(clip: Clip, config: Config) -> bool:
    """Return True if the caption is a file name or an address instead of a description."""
    return clip.caption.strip() != "" and captions.is_boilerplate(clip.caption, config.caption.boilerplate)


def _broken(clip: Clip, scores: ClipScores, config: Config) -> Iterator[Broken]:
    if opted_out(clip, config):
        yield "opted_out", "its source is on filter.opt_out"
    if license_not_allowed(clip, config):
        yield "license", f"license {clip.license!r}"
    for limit in limits(config):
        if found := limit.found(scores):
            yield limit.reason, found
    if other_language(scores, config):
        yield "language", f"language {scores.language}"
    if boilerplate(clip, config):
        yield "boilerplate", "its caption says nothing of what is to be seen"
