"""Which clips stay, by what is known and measured of one. Pure.

A rule is a limit on one score, with its unit and the reason that it gives, or a list that something must or must not
stand in. A score that was not measured (speed of a picture, match without a model) breaks no rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from components.filter import captions
from components.filter.config import Config
from components.ingest.data import Clip

Broken = tuple[str, str]  # a reason, and what was found


@dataclass(frozen=True)
class Scores:
    """What is measured of a clip; one column each of `scores.parquet`."""

    side_px: int | None = None  # the shorter one
    duration_s: float | None = None  # of a video, as the rest up to jitter
    motion: float | None = None  # mean change of a pixel from frame to frame, 0 to 1
    speed: float | None = None
    jitter: float | None = None
    sharpness: float | None = None
    dark: float | None = None
    bright: float | None = None
    bars: float | None = None
    overlaid: float | None = None
    words: int | None = None  # of a clip with a caption, as the language and the repeats
    language: str | None = None
    repeats: int | None = None
    match: float | None = None
    aesthetic: float | None = None
    unsafe: float | None = None
    attribute: str | None = None  # the label that a model tells, where it is sure enough; no rule asks for it


@dataclass(frozen=True)
class Limit:
    """A rule on one score: the least or the most that a clip may have."""

    reason: str
    score: str
    unit: str
    least: float = -inf
    most: float = inf

    def found(self, scores: Scores) -> str | None:
        """What is wrong with the score, None if nothing."""
        value: float | None = getattr(scores, self.score)
        if value is None or self.least <= value <= self.most:
            return None
        bound = f"less than {self.least:g}" if value < self.least else f"more than {self.most:g}"
        return f"{self.score} {value:g} {self.unit}, {bound}"


def limits(config: Config) -> tuple[Limit, ...]:
    """All limits, in the order in which they are asked: the first that is broken names the reason."""
    picture, caption = config.picture, config.caption
    return (
        Limit("too_small", "side_px", "px", least=config.min_side_px),
        Limit("too_short", "duration_s", "s", least=config.min_duration_s),
        Limit("unsafe", "unsafe", "probability", most=config.unsafe.limit),
        Limit("too_still", "motion", "of the full scale", least=picture.min_motion),
        Limit("too_slow", "speed", "widths/s", least=picture.min_speed),
        Limit("too_fast", "speed", "widths/s", most=picture.max_speed),
        Limit("jittery", "jitter", "of the motion", most=picture.max_jitter),
        Limit("blurred", "sharpness", "squared levels", least=picture.min_sharpness),
        Limit("too_dark", "dark", "of the pixels", most=picture.max_dark),
        Limit("too_bright", "bright", "of the pixels", most=picture.max_bright),
        Limit("letterboxed", "bars", "of the picture", most=picture.max_bars),
        Limit("overlaid_text", "overlaid", "of the picture", most=picture.max_overlaid),
        Limit("few_words", "words", "words", least=caption.min_words),
        Limit("many_words", "words", "words", most=caption.max_words),
        Limit("repeated_caption", "repeats", "other sources", most=caption.max_repeats),
        Limit("words_do_not_match", "match", "cosine", least=config.match.min_similarity),
        Limit("not_aesthetic", "aesthetic", "probability", least=config.aesthetic.limit),
    )


def stated(config: Config) -> list[dict[str, str | float | None]]:
    """All limits as a manifest can hold them; None where there is no bound."""
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


def broken(clip: Clip, scores: Scores, config: Config) -> Broken | None:
    """The first rule that the clip breaks and what was found, or None if it stays."""
    return next(_broken(clip, scores, config), None)


def opted_out(clip: Clip, config: Config) -> bool:
    """Whether its source must not be learnt from."""
    return clip.source_sha256 in config.opt_out


def licence_unknown(clip: Clip, config: Config) -> bool:
    """Whether its licence is not among those that are allowed; an empty list allows all."""
    return bool(config.licences) and clip.licence not in config.licences


def other_language(scores: Scores, config: Config) -> bool:
    """Whether its words are of a language that is not wanted; an empty list wants all."""
    wanted = config.caption.languages
    return bool(wanted) and scores.language is not None and scores.language not in wanted


def boilerplate(clip: Clip, config: Config) -> bool:
    """Whether its caption names the file or an address instead of saying what is to be seen."""
    return clip.caption.strip() != "" and captions.is_boilerplate(clip.caption, config.caption.boilerplate)


def _broken(clip: Clip, scores: Scores, config: Config) -> Iterator[Broken]:
    if opted_out(clip, config):
        yield "opted_out", "its source is on filter.opt_out"
    if licence_unknown(clip, config):
        yield "licence", f"licence {clip.licence!r}"
    for limit in limits(config):
        if found := limit.found(scores):
            yield limit.reason, found
    if other_language(scores, config):
        yield "language", f"language {scores.language}"
    if boilerplate(clip, config):
        yield "boilerplate", "its caption says nothing of what is to be seen"
