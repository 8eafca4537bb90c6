"""clips -> kept clips.

Every dropped clip stands in `dropped.parquet` with its reason, so that kept + sum(dropped) = arrived. The bytes of
what is kept pass through unchanged.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.common import artifacts, gates
from components.common.progress import progress
from components.filter import data, ops
from components.filter.config import Config
from components.filter.expectations import kept_expectations

DROPPED = pa.schema([(name, pa.string()) for name in ("clip_id", "reason", "detail")])


def run(config: Config, *, clips: Path, output: Path) -> artifacts.Summary:
    """Copy the clips that pass every rule from `clips` to `output`; raises DataError if the gate breaks."""
    arrived = data.Clips(clips)
    if arrived.formats != config.formats:
        raise ValueError(f"{clips} was made for other formats than params.yaml has now: run ingest again")
    known = list(arrived)
    reasons: dict[int, tuple[str, str]] = {}
    for index, clip in enumerate(known):
        if reason := ops.reason_to_drop(clip, config):
            reasons[index] = (reason, f"{clip.width_px}×{clip.height_px} pixels, motion {clip.motion}")
    left = [index for index in range(len(known)) if index not in reasons]
    pairs = _near_duplicates(config, arrived, known, left)
    for index, twin in ops.redundant(known, pairs).items():
        reasons[index] = ("near_duplicate", f"of {known[twin].clip_id}")
    chosen = ops.splits(known, pairs, config.heldout_share)
    kept = [index for index in left if index not in reasons]
    with artifacts.fresh(output) as folder:
        rows = (data.with_split(arrived.row(index), chosen[index]) for index in kept)
        data.write(folder, rows, shard_digits=config.shard_digits)
        gone = [{"clip_id": known[i].clip_id, "reason": r, "detail": d} for i, (r, d) in sorted(reasons.items())]
        pq.write_table(pa.Table.from_pylist(gone, schema=DROPPED), folder / "dropped.parquet", use_dictionary=False)
        counts = Counter({"arrived": len(known), "kept": len(kept)})
        counts.update(f"{chosen[index]}_{known[index].kind}s" for index in kept)
        dropped = Counter(reason for reason, _ in reasons.values())
        summary = artifacts.describe(
            folder,
            "kept clips",
            inputs={"clips": clips},
            counts=counts,
            dropped=dropped,
            facts=data.facts(config.formats),
        )
        gates.check(data.Clips(folder).table, kept_expectations(config), "kept clips")
    return summary


def _near_duplicates(
    config: Config, arrived: data.Clips, known: list[data.Clip], left: list[int]
) -> list[tuple[int, int]]:
    def thumbnails(index: int) -> data.Pixels:
        return ops.fingerprint(arrived.stored(index, min(known[index].frames, config.formats.clip_frames)))

    shape = (0, 3, ops.THUMBNAIL_PX, ops.THUMBNAIL_PX, 3)
    with ThreadPoolExecutor(config.threads) as pool:
        made = list(progress(pool.map(thumbnails, left), total=len(left), unit="clips", label="filter"))
    fingerprints = np.stack(made) if made else np.zeros(shape, np.uint8)
    pairs = ops.near_duplicates(fingerprints, [known[index].kind for index in left], config.duplicate_distance)
    return [(left[i], left[j]) for i, j in pairs]
