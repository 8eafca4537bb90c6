"""Which of several near-duplicates stays, and on which side of the split clips belong. Pure.

All clips of a source, and of sources that share a duplicate, stand on one side of the split.
"""

from collections.abc import Iterable, Sequence

from components.ingest.data import Clip

HASH_DIGITS = 8


def redundant(clips: Sequence[Clip], pairs: Iterable[tuple[int, int]], known: int = 0) -> dict[int, int]:
    """Clip to drop -> the near-duplicate that is kept for it. The first `known` clips were kept before and stay.

    Held-out clips are kept before others, then captioned ones, longer ones, larger ones, and those of lower id.
    """
    ranks = [
        (place >= known, c.split != "heldout", c.caption == "", -c.frames, -c.height_px * c.width_px, c.clip_id)
        for place, c in enumerate(clips)
    ]
    pairs = [(i, j) for i, j in pairs if max(i, j) >= known]
    neighbours: dict[int, list[int]] = {}
    for i, j in pairs:
        neighbours.setdefault(i, []).append(j)
        neighbours.setdefault(j, []).append(i)
    kept: set[int] = set()
    dropped: dict[int, int] = {}
    for index in sorted(neighbours, key=lambda i: ranks[i]):
        if twins := kept.intersection(neighbours[index]):
            dropped[index] = min(twins, key=lambda twin: ranks[twin])
        else:
            kept.add(index)
    return dropped


def splits(clips: Sequence[Clip], pairs: Iterable[tuple[int, int]], heldout_share: float) -> list[str]:
    """The split of every clip: its source's, or else its group's, or else by the hash of its group.

    A group is the sources that duplicates connect. Known splits never change.
    """
    group_of = {clip.source_sha256: clip.source_sha256 for clip in clips}

    def root(source: str) -> str:
        while group_of[source] != source:
            group_of[source] = source = group_of[group_of[source]]
        return source

    for i, j in pairs:
        first, second = sorted((root(clips[i].source_sha256), root(clips[j].source_sha256)))
        group_of[second] = first
    known: dict[str, set[str]] = {}
    for clip in clips:
        if clip.split:
            known.setdefault(root(clip.source_sha256), set()).add(clip.split)
    return [clip.split or _split(root(clip.source_sha256), known, heldout_share) for clip in clips]


def _split(group: str, known: dict[str, set[str]], heldout_share: float) -> str:
    if group in known:
        return min(known[group])  # held out before train
    return "heldout" if int(group[:HASH_DIGITS], 16) < heldout_share * 16**HASH_DIGITS else "train"
