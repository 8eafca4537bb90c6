"""Choice among near-duplicates, and the split of clips. Pure.

All clips of a source, and of sources that share a near-duplicate, are in the same split.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from components.ingest.data import Clip

HASH_DIGITS = 8


def redundant(clips: Sequence[Clip], pairs: Iterable[tuple[int, int]], baseline: int = 0) -> dict[int, int]:
    """Map each clip to drop to the near-duplicate that is kept instead. The first `baseline` clips are never dropped.

    Held-out clips are kept before others, then captioned ones, longer ones, larger ones, and those of lower id.
    """
    ranks = [
        (index >= baseline, c.split != "heldout", c.caption == "", -c.frames, -c.height_px * c.width_px, c.clip_id)
        for index, c in enumerate(clips)
    ]
    pairs = [(i, j) for i, j in pairs if max(i, j) >= baseline]
    neighbors: dict[int, list[int]] = {}
    for i, j in pairs:
        neighbors.setdefault(i, []).append(j)
        neighbors.setdefault(j, []).append(i)
    kept: set[int] = set()
    dropped: dict[int, int] = {}
    for index in sorted(neighbors, key=lambda i: ranks[i]):
        if twins := kept.intersection(neighbors[index]):
            dropped[index] = min(twins, key=lambda twin: ranks[twin])
        else:
            kept.add(index)
    return dropped


def splits(clips: Sequence[Clip], pairs: Iterable[tuple[int, int]], heldout_share: float) -> list[str]:
    """Return the split of each clip: its source's, or else its group's, or else one by the hash of its group.

    A group is a set of sources that near-duplicates connect. Known splits never change.
    """
    group_of = _groups([clip.source_sha256 for clip in clips], pairs)
    known: dict[str, set[str]] = {}
    for clip, group in zip(clips, group_of, strict=True):
        if clip.split:
            known.setdefault(group, set()).add(clip.split)
    return [clip.split or _split(group, known, heldout_share) for clip, group in zip(clips, group_of, strict=True)]


def _groups(sources: Sequence[str], pairs: Iterable[tuple[int, int]]) -> list[str]:
    """Return the least source that each clip's source is connected with, for a clip per source in `sources`."""
    names = sorted(set(sources))
    number_of = {name: number for number, name in enumerate(names)}
    ends_P2 = np.array([(number_of[sources[i]], number_of[sources[j]]) for i, j in pairs], np.int64).reshape(-1, 2)
    edges = sparse.coo_array((np.ones(len(ends_P2)), (ends_P2[:, 0], ends_P2[:, 1])), (len(names), len(names)))
    _, label_N = connected_components(edges, directed=False)
    least: dict[int, str] = {}
    for name, label in zip(names, label_N.tolist(), strict=True):  # ascending: the first name of a label is its least
        least.setdefault(label, name)
    return [least[int(label_N[number_of[source]])] for source in sources]


def _split(group: str, known: dict[str, set[str]], heldout_share: float) -> str:
    if group in known:
        return min(known[group])  # "heldout" sorts before "train"
    return "heldout" if int(group[:HASH_DIGITS], 16) < heldout_share * 16**HASH_DIGITS else "train"
