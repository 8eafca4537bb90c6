"""Captions -> what they are: words, language, how often they come again. Pure.

An empty caption breaks no rule: a clip without words is trained on without words.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache

# What names a thing instead of saying what is to be seen.
BOILERPLATE = re.compile(
    r"(?:https?://|www\.)\S+"  # an address
    r"|[\w\-. ()]*\.(?:mp4|mov|mkv|webm|avi|gif|jpe?g|png|webp|heic|tiff?)"  # a file's name
    r"|(?:img|dsc|dscn|vid|mvi|gopr|pxl|screenshot)[\s_\-]?[\d_\-\s.]*"  # a camera's name for it
    r"|[\W\d_]+",  # no letters
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Wording:
    """What a caption is by its words and among the others."""

    words: int
    repeats: int  # other sources that have the same caption


def wordings(captions: Iterable[tuple[str, str]]) -> Mapping[str, Wording]:
    """Caption -> its numbers, from (caption, source) of all clips; sources count once, however many spans they have."""
    sources: dict[str, Set[str]] = {}
    for caption, source in captions:
        if caption.strip():
            sources[caption] = {*sources.get(caption, ()), source}
    same = Counter({normal(caption): 0 for caption in sources})
    for caption, having in sources.items():
        same[normal(caption)] += len(having)
    return {caption: Wording(len(caption.split()), same[normal(caption)] - 1) for caption in sources}


def normal(caption: str) -> str:
    """The caption as it is compared with others: neither case nor spacing nor a last full stop counts."""
    return " ".join(caption.casefold().split()).rstrip(".!")


def is_boilerplate(caption: str, patterns: Sequence[str]) -> bool:
    """Whether the whole caption is an address, a file's name, has no letters, or matches a pattern anywhere."""
    plain = caption.strip()
    return BOILERPLATE.fullmatch(plain) is not None or any(_compiled(each).search(plain) for each in patterns)


def language(caption: str) -> str:
    """The likeliest language of a text (ISO 639-1); of few words, a guess."""
    from py3langid import classify  # a third of a second to load

    likeliest: str = classify(caption)[0]
    return likeliest


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
