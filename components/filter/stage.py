"""clips -> kept clips.

Every clip that arrived stands in `scores.parquet` with what was measured of it and the reason why it was dropped, "" if
it is kept, so that kept + sum(dropped) = arrived. The bytes of what is kept pass through unchanged.

With `known`, what was kept before, only new clips to train on are kept: what is known or a copy of it goes, and what
the rules hold out waits for the next training of everything. The held-out clips of `known` are carried along beside
the new ones, not counted as kept, so that what is learnt from the new is measured on the old.
"""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from components.common import artifacts, gates
from components.filter import balance, data, looks, mapped, ops, rules, scoring, search
from components.filter import known as past
from components.filter.config import Config
from components.filter.expectations import kept_expectations

BOOK = pa.schema(
    [("clip_id", pa.string()), ("reason", pa.string()), ("detail", pa.string())]
    + [(name, pa.int32()) for name in ("side_px", "words", "repeats")]
    + [("language", pa.string())]
    + [(name, pa.float64()) for name in ("duration_s", "motion", "speed", "jitter", "sharpness")]
    + [(name, pa.float64()) for name in ("dark", "bright", "bars", "overlaid", "match", "aesthetic", "unsafe")]
    + [("attribute", pa.string())]
)
SHARES = pa.schema(
    [("of", pa.string()), ("name", pa.string()), ("clips", pa.int64())]
    + [(name, pa.float64()) for name in ("share_before", "share_after")]
)
Reasons = dict[int, rules.Broken]  # place of a clip -> reason and detail


def run(config: Config, *, clips: Path, pretrained: Path, output: Path, known: Path | None = None) -> artifacts.Summary:
    """Copy the clips that pass every rule from `clips` to `output`; raises DataError if the gate breaks."""
    arrived, measured_on = opened(config, clips), known and opened(config, known, "heldout")
    before = past.read(known, partial(scoring.fingerprints, config)) if known else past.NOTHING
    first = len(before.clips)
    every = [*before.clips, *arrived]  # places below `first` are known
    places = [place for place in range(first, len(every)) if every[place].source_sha256 not in before.sources]
    found, prints = looks.scores(config, arrived, [place - first for place in places], pretrained)
    scores = dict(zip(places, found, strict=True))
    reasons = _broken_rules(config, every, first, scores)
    looked_at = [place for place in places if place not in reasons]
    prints = mapped.joined(
        before.fingerprints, prints, [row for row, place in enumerate(places) if place not in reasons]
    )
    pairs = _near_duplicates(config, every, [*range(first), *looked_at], prints)
    for place, twin in ops.redundant(every, pairs, first).items():
        reasons[place] = ("near_duplicate", f"of {every[twin].clip_id}")
    chosen = ops.splits(every, pairs, config.heldout_share)
    stays = {place: not known or chosen[place] == "train" for place in looked_at if place not in reasons}
    reasons |= {place: ("held_out", "for the next training of everything") for place in stays if not stays[place]}
    kept = [place for place in stays if stays[place]]
    with artifacts.fresh(output) as folder:
        carried = map(measured_on.row, range(len(measured_on))) if measured_on else iter(())
        new = (data.with_split(arrived.row(place - first), chosen[place]) for place in kept)
        rows = heapq.merge(carried, new, key=lambda row: row.batch)  # each comes in the order of its batches
        data.write(folder, rows, shard_digits=config.shard_digits)
        _write_scores(folder, every, first, scores, reasons)
        balanced = _write_balance(
            folder, config, {place: every[place] for place in kept if chosen[place] == "train"}, scores
        )
        if known:
            print_of = {place: row for row, place in enumerate(looked_at, first)}
            looked_into = [replace(every[place], split=chosen[place]) for place in stays]
            here = [*range(first), *(print_of[place] for place in stays)]
            past.write(folder, past.Known([*before.clips, *looked_into], prints[here]))
        captioned = sum(every[place].caption != "" for place in kept)
        counts = Counter({"arrived": len(arrived), "kept": len(kept), "captioned": captioned})
        counts.update(f"{chosen[place]}_{every[place].kind}s" for place in kept)
        counts.update(f"heldout_{clip.kind}s" for clip in measured_on or ())
        summary = artifacts.describe(
            folder,
            "kept clips",
            inputs={"clips": clips, "pretrained": pretrained, "known": known},
            counts=counts,
            dropped=Counter(reason for reason, _ in reasons.values()),
            facts=data.facts(config.formats)
            | {"rules_off": config.rules_off, "limits": rules.stated(config), "balance": balanced},
        )
        expected = kept_expectations(config.formats, config.min_side_px, may_be_nothing_new=known is not None)
        gates.check(data.Clips(folder).table, expected, "kept clips")
    return summary


def opened(config: Config, folder: Path, split: Literal["heldout"] | None = None) -> data.Clips:
    """The clips of a folder; ValueError if it was made for other formats."""
    found = data.Clips(folder, split)
    if found.formats != config.formats:
        raise ValueError(f"{folder} was made for other formats than params.yaml has now: run ingest again")
    return found


def _broken_rules(
    config: Config, every: Sequence[data.Clip], first: int, scores: Mapping[int, rules.Scores]
) -> Reasons:
    """What a look at one clip is enough to drop it for; without scores, it was known before."""
    reasons: Reasons = {}
    for place, clip in enumerate(every[first:], first):
        if place not in scores:
            reasons[place] = ("known", "its source was kept before")
        elif broken := rules.broken(clip, scores[place], config):
            reasons[place] = broken
    return reasons


def _near_duplicates(
    config: Config, every: Sequence[data.Clip], places: Sequence[int], prints_NB: data.Pixels
) -> list[tuple[int, int]]:
    kinds = [every[place].kind for place in places]
    pairs = search.near_duplicates(prints_NB, kinds, config.duplicate_distance, mapped.empty)
    return [(places[i], places[j]) for i, j in pairs]


def _write_scores(
    folder: Path, every: Sequence[data.Clip], first: int, scores: Mapping[int, rules.Scores], reasons: Reasons
) -> None:
    """One row for every clip that arrived."""
    rows = []
    for place, clip in enumerate(every[first:], first):
        reason, detail = reasons.get(place, ("", ""))
        measured = asdict(scores.get(place, rules.Scores()))
        rows.append({"clip_id": clip.clip_id, "reason": reason, "detail": detail} | measured)
    pq.write_table(pa.Table.from_pylist(rows, schema=BOOK), folder / data.SCORES, use_dictionary=False)


def _write_balance(
    folder: Path, config: Config, training: Mapping[int, data.Clip], scores: Mapping[int, rules.Scores]
) -> dict[str, Any]:
    """The weights, if they differ, and the table of what they change; returns what the manifest says of them."""
    captions = [clip.caption for clip in training.values()]
    labels = [scores[place].attribute or "" for place in training]
    weights_N = balance.weights(captions, labels, config.balance)
    if (weights_N != 1).any():
        data.write_weights(folder, [clip.clip_id for clip in training.values()], weights_N)
    shares = [asdict(share) for share in balance.shares(captions, labels, weights_N, config.balance)]
    pq.write_table(pa.Table.from_pylist(shares, schema=SHARES), folder / data.BALANCE, use_dictionary=False)
    effective = round(balance.effective_clips(weights_N), 1)
    return {"limits": config.balance.limits, "training_clips": len(captions), "effective_clips": effective}
