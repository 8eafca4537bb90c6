"""Captions -> number of words, language, number of duplicates. Pure.

An empty caption breaks no rule: a clip without a caption is trained on without text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache

# Captions that name a file instead of describing what is visible.
BOILERPLATE = re.compile(
    r"(?:https?://|www\.)\S+"  # an address
    r"|[\w\-. ()]*\.(?:mp4|mov|mkv|webm|avi|gif|jpe?g|png|webp|heic|tiff?)"  # a file's name
    r"|(?:img|dsc|dscn|vid|mvi|gopr|pxl|screenshot)[\s_\-]?[\d_\-\s.]*"  # a camera's name for it
    r"|[\W\d_]+",  # no letters
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Wording:
    """Length of a caption, and its duplicates."""

    words: int
    duplicate_captions: int  # other sources that have the same caption


def wordings(captions: Iterable[tuple[str, str]]) -> Mapping[str, Wording]:
    """Map each caption to its numbers, from (caption, source) of all clips; the spans of a source count once."""
    sources: dict[str, Set[str]] = {}
    for caption, source in captions:
        if caption.strip():
            sources[caption] = {*sources.get(caption, ()), source}
    same = Counter({normal(caption): 0 for caption in sources})
    for caption, having in sources.items():
        same[normal(caption)] += len(having)
    return {caption: Wording(len(caption.split()), same[normal(caption)] - 1) for caption in sources}


def normal(caption: str) -> str:
    """Normalize a caption for comparison: case, spacing and a final period are ignored."""
    return " ".join(caption.casefold().split()).rstrip(".!")


def is_boilerplate(caption: str, patterns: Sequence[str]) -> bool:
    """Return True if the caption is an address or a file name, has no letters, or matches one of `patterns`."""
    plain = caption.strip()
    return BOILERPLATE.fullmatch(plain) is not None or any(_compiled(each).search(plain) for each in patterns)


def language(caption: str) -> str:
    """Return the most likely language of a text (ISO 639-1); for a few words it is a guess."""
    from py3langid import classify  # a third of a second to load

    likeliest: str = classify(caption)[0]
    return likeliest


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
