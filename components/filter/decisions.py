"""Arrived clips and their scores -> which are kept, why the others are dropped, and the split of each. Pure.

Every arrived clip gets exactly one decision, so that kept + sum(dropped) = arrived. A clip that passes the rules is
compared with the baseline, which is what earlier runs kept, and with the other clips that pass them.

Shapes: N clips, B bytes of a fingerprint.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from components.filter import ops, rules, search
from components.filter.baseline_clips import BaselineClips
from components.filter.config import Config
from components.filter.rules import ClipScores
from components.ingest.data import Clip
from components.media.arrays import Pixels

IN_BASELINE, NEAR_DUPLICATE, HELD_OUT = "in_baseline", "near_duplicate", "held_out"


@dataclass(frozen=True)
class ClipDecision:
    """Outcome for one arrived clip."""

    clip: Clip  # with its final split, unless it was dropped before the split
    scores: ClipScores  # all None for a clip of the baseline, which is not measured again
    reason: str = ""  # "" if the clip is kept
    detail: str = ""

    @property
    def joins_baseline(self) -> bool:
        """True if later runs must know the clip: it is kept, or held out until everything is trained again."""
        return self.reason in ("", HELD_OUT)


def decide(
    config: Config,
    clips: Sequence[Clip],
    scores: Mapping[int, ClipScores],
    prints_NB: Pixels,
    baseline: BaselineClips,
    *,
    only_training: bool = False,
    space: search.Space = np.empty,
) -> list[ClipDecision]:
    """Decide about each arrived clip, in the given order.

    `scores` has an entry for each clip that was measured, by its index, and `prints_NB` holds their fingerprints in
    the same order; clips without scores belong to the baseline. `only_training` drops clips that the split holds out.
    """
    broken = {index: found for index, one in scores.items() if (found := rules.broken(clips[index], one, config))}
    passed = [index for index in scores if index not in broken]
    first = len(baseline.clips)
    every = [*baseline.clips, *clips]  # the baseline, then what arrived
    compared = [*range(first), *(first + index for index in passed)]
    rows = [row for row, index in enumerate(scores) if index not in broken]
    joined_NB = _joined(baseline.fingerprints, prints_NB, rows, space)
    kinds = [every[number].kind for number in compared]
    near = search.near_duplicates(joined_NB, kinds, config.duplicate_distance, space)
    pairs = [(compared[i], compared[j]) for i, j in near]
    twin_of = ops.redundant(every, pairs, first)
    split_of = ops.splits(every, pairs, config.heldout_share)

    def decision(index: int, clip: Clip) -> ClipDecision:
        if index not in scores:
            return ClipDecision(clip, ClipScores(), IN_BASELINE, "its source was kept before")
        if index in broken:
            return ClipDecision(clip, scores[index], *broken[index])
        if (twin := twin_of.get(first + index)) is not None:
            return ClipDecision(clip, scores[index], NEAR_DUPLICATE, f"of {every[twin].clip_id}")
        split = split_of[first + index]
        placed = replace(clip, split=split)
        if only_training and split != "train":
            return ClipDecision(placed, scores[index], HELD_OUT, "for the next training of everything")
        return ClipDecision(placed, scores[index])

    return [decision(index, clip) for index, clip in enumerate(clips)]


def _joined(first_NB: Pixels, second_MB: Pixels, rows: Sequence[int], space: search.Space) -> Pixels:
    """All rows of the first array, then the given rows of the second."""
    joined: Pixels = space((len(first_NB) + len(rows), first_NB.shape[1]), np.uint8)
    joined[: len(first_NB)] = first_NB
    for number, row in enumerate(rows, len(first_NB)):
        joined[number] = second_MB[row]
    return joined
