"""Decisions -> the folder of kept clips: shards, scores, weights, and the baseline of later runs.

The bytes of kept clips pass through unchanged. With a baseline, its held-out clips are carried along beside the new
ones, so that a model trained on the new clips is evaluated on the old ones.

Shapes: N clips, B bytes of a fingerprint.
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.filter import balance, baseline_clips, data
from components.filter.baseline_clips import BaselineClips
from components.filter.config import Balancing
from components.filter.decisions import ClipDecision
from components.media.arrays import Pixels

SCORES_SCHEMA = pa.schema(
    [("clip_id", pa.string()), ("reason", pa.string()), ("detail", pa.string())]
    + [(name, pa.int32()) for name in ("side_px", "words", "duplicate_captions")]
    + [("language", pa.string())]
    + [(name, pa.float64()) for name in ("duration_s", "motion", "speed", "jitter", "sharpness")]
    + [(name, pa.float64()) for name in ("dark", "bright", "letterbox", "text_overlay")]
    + [(name, pa.float64()) for name in ("clip_score", "aesthetic", "unsafe")]
    + [("attribute", pa.string())]
)
SHARES_SCHEMA = pa.schema(
    [("of", pa.string()), ("name", pa.string()), ("clips", pa.int64())]
    + [(name, pa.float64()) for name in ("share_before", "share_after")]
)


def write_clips(
    folder: Path,
    arrived: data.Clips,
    decisions: Sequence[ClipDecision],
    carried: data.Clips | None,
    *,
    shard_digits: int,
) -> None:
    """Write the shards: kept clips, and the held-out clips of the baseline, `carried`."""
    kept = (
        data.with_split(arrived.row(index), decision.clip.split)
        for index, decision in enumerate(decisions)
        if not decision.reason
    )
    old = map(carried.row, range(len(carried))) if carried else iter(())
    rows = heapq.merge(old, kept, key=lambda row: row.batch)  # each comes in the order of its batches
    data.write(folder, rows, shard_digits=shard_digits)


def write_scores(folder: Path, decisions: Sequence[ClipDecision]) -> None:
    """Write one row for each clip that arrived."""
    rows = [
        {"clip_id": decision.clip.clip_id, "reason": decision.reason, "detail": decision.detail}
        | asdict(decision.scores)
        for decision in decisions
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCORES_SCHEMA), folder / data.SCORES, use_dictionary=False)


def write_balance(folder: Path, decisions: Sequence[ClipDecision], config: Balancing) -> dict[str, Any]:
    """Write the weights, if they differ, and the table of shares before and after; return the manifest's facts."""
    training = [decision for decision in decisions if not decision.reason and decision.clip.split == "train"]
    captions = [decision.clip.caption for decision in training]
    labels = [decision.scores.attribute or "" for decision in training]
    weights_N = balance.weights(captions, labels, config)
    if (weights_N != 1).any():
        data.write_weights(folder, [decision.clip.clip_id for decision in training], weights_N)
    shares = [asdict(share) for share in balance.shares(captions, labels, weights_N, config)]
    pq.write_table(pa.Table.from_pylist(shares, schema=SHARES_SCHEMA), folder / data.BALANCE, use_dictionary=False)
    effective = round(balance.effective_clips(weights_N), 1)
    return {"limits": config.limits, "training_clips": len(captions), "effective_clips": effective}


def write_baseline(
    folder: Path,
    baseline: BaselineClips,
    decisions: Sequence[ClipDecision],
    prints_NB: Pixels,
    measured: Sequence[int],
) -> None:
    """Write the baseline of later runs: the old one, and each new clip that joins it.

    `measured` holds the index of the clip of each row of `prints_NB`.
    """
    rows = [row for row, index in enumerate(measured) if decisions[index].joins_baseline]
    clips = [*baseline.clips, *(decisions[measured[row]].clip for row in rows)]
    baseline_clips.write(folder, BaselineClips(clips, np.concatenate([baseline.fingerprints, prints_NB[rows]])))


def counts(decisions: Sequence[ClipDecision], carried: data.Clips | None) -> Counter[str]:
    """Count the clips that arrived, those that are kept, and those of each split and kind."""
    kept = [decision.clip for decision in decisions if not decision.reason]
    captioned = sum(clip.caption != "" for clip in kept)
    found = Counter({"arrived": len(decisions), "kept": len(kept), "captioned": captioned})
    found.update(f"{clip.split}_{clip.kind}s" for clip in [*kept, *(carried or ())])
    return found
