"""clips -> kept clips.

`scores.parquet` has a row for every clip that arrived, with its scores and the reason why it was dropped, "" if it is
kept: kept + sum(dropped) = arrived. The bytes of kept clips pass through unchanged.

With `known`, the clips that earlier runs kept, only new training clips are kept: clips of the baseline and copies of
them are dropped, and what the split holds out waits until everything is trained again. The held-out clips of the
baseline are carried along, not counted as kept, so that a model trained on the new clips is evaluated on the old ones.
"""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Literal

from components.common import artifacts, gates
from components.filter import baseline_clips, clip_measurements, data, mapped, rules, scoring, writer
from components.filter.config import Config
from components.filter.decisions import decide
from components.filter.expectations import kept_expectations


def run(config: Config, *, clips: Path, pretrained: Path, output: Path, known: Path | None = None) -> artifacts.Summary:
    """Copy the clips that pass every rule from `clips` to `output`; raises DataError if the gate breaks."""
    arrived = open_clips(config, clips)
    carried = open_clips(config, known, "heldout") if known else None
    baseline = (
        baseline_clips.read(known, partial(scoring.fingerprints, config)) if known else baseline_clips.EMPTY_BASELINE
    )
    of_clips = list(arrived)
    new = baseline.new(of_clips)
    scores, prints_NB = clip_measurements.scores(config, arrived, new, pretrained)
    decisions = decide(
        config,
        of_clips,
        dict(zip(new, scores, strict=True)),
        prints_NB,
        baseline,
        only_training=known is not None,
        space=mapped.empty,
    )
    with artifacts.fresh(output) as folder:
        writer.write_clips(folder, arrived, decisions, carried, shard_digits=config.shard_digits)
        writer.write_scores(folder, decisions)
        balanced = writer.write_balance(folder, decisions, config.balance)
        if known:
            writer.write_baseline(folder, baseline, decisions, prints_NB, new)
        summary = artifacts.describe(
            folder,
            "kept clips",
            inputs={"clips": clips, "pretrained": pretrained, "known": known},
            counts=writer.counts(decisions, carried),
            dropped=Counter(decision.reason for decision in decisions if decision.reason),
            facts=data.facts(config.formats)
            | {"rules_off": config.rules_off, "limits": rules.stated(config), "balance": balanced},
        )
        expected = kept_expectations(config.formats, config.min_side_px, may_be_nothing_new=known is not None)
        gates.check(data.Clips(folder).table, expected, "kept clips")
    return summary


def open_clips(config: Config, folder: Path, split: Literal["heldout"] | None = None) -> data.Clips:
    """Open a folder of clips; raises ValueError if it was made for other formats."""
    found = data.Clips(folder, split)
    if found.formats != config.formats:
        raise ValueError(f"{folder} was made for other formats than params.yaml has now: run ingest again")
    return found
