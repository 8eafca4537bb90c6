"""Quality gate of token shards, checked by Great Expectations before anything is trained on them.

It checks one table over all groups, with the smallest and largest code of each kind for every row, so that broken rows
are counted and shown however large the shards are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.common import artifacts, gates
from components.common.errors import DataError
from components.common.gates import Expectation
from components.pretokenize import data
from components.pretokenize.data import CONDITION

LINES = 4096  # rows read at once
VISUAL = ("visual", "structure", "lr", "hr")


def check(folder: Path, counts: Mapping[str, int], facts: Mapping[str, Any]) -> None:
    """Raise DataError naming every expectation that the groups of `folder` break."""
    if not any(counts[name] for name in counts if name in data.GROUPS):
        raise DataError("the gate of tokens is broken: no clip is left to tokenize")
    tables = [_table(name, data.columns(folder / f"{name}.arrow")) for name in sorted(counts)]
    for (name, count), table in zip(sorted(counts.items()), tables, strict=True):
        if table.num_rows != count:
            raise DataError(f"the gate of tokens is broken: {name} has {table.num_rows} rows, {count} clips went in")
    gates.check(pa.concat_tables(tables), expectations(facts), "tokens")


def suite(folder: Path) -> gates.Suite:
    """Return the table of all rows of a finished folder, and its expectations."""
    tables = [_table(path.stem, data.columns(path)) for path in sorted(folder.glob("*.arrow"))]
    return pa.concat_tables(tables), expectations(artifacts.read_manifest(folder).facts)


def expectations(facts: Mapping[str, Any]) -> list[Expectation]:
    """Return the expectations of the table of all rows."""
    visual, audio = {"max_value": (1 << facts["codebook_bits"]) - 1}, {"max_value": facts["codebook_size"] - 1}
    between = "expect_column_values_to_be_between"
    return [
        Expectation("expect_column_values_to_be_unique", "row", "no clip occurs twice in a group"),
        Expectation(
            "expect_column_values_to_be_in_set",
            "split",
            "a row is for training or held out",
            {"value_set": ["train", "heldout"]},
        ),
        Expectation(between, "visual_least", "a visual code is not negative", {"min_value": 0}),
        Expectation(between, "visual_most", "a visual code is one of the tokenizer's", visual),
        Expectation(between, "audio_least", "an audio code is not negative", {"min_value": 0}),
        Expectation(between, "audio_most", "an audio code is one of its level's", audio),
        Expectation(
            between,
            "text_length",
            "a text is no longer than its positions",
            {"min_value": 0, "max_value": facts["text_tokens"]},
        ),
        Expectation(
            "expect_column_values_to_be_in_set", "text_finite", "text vectors are finite", {"value_set": [True]}
        ),
        Expectation(between, "weight", "a clip can be drawn", {"min_value": 0, "strict_min": True}),
        Expectation(between, "text_behind", "no text follows a text's end", {"max_value": 0}),
    ]


def _table(name: str, columns: Mapping[str, Any]) -> pa.Table:
    rows = len(columns["clip_id"])
    parts = [_lines(columns, slice(start, start + LINES)) for start in range(0, rows, LINES)]
    extremes = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    names = [f"{name}/{clip_id}" for clip_id in columns["clip_id"]]
    kept = {name: columns[name] for name in ("split", "text_length", "weight")}
    return pa.table({"row": names, **kept, **extremes})


def _lines(columns: Mapping[str, Any], span: slice) -> dict[str, NDArray[Any]]:
    text_NSD, length_N = np.abs(columns["text"][span]), columns["text_length"][span]
    behind_NS = np.arange(text_NSD.shape[1]) >= length_N[:, None]
    least, most = _extremes([values[span] for name, values in columns.items() if name in VISUAL or CONDITION in name])
    softest, loudest = _extremes([columns["audio"][span]] if "audio" in columns else [np.zeros_like(length_N)])
    return {
        "visual_least": least,
        "visual_most": most,
        "audio_least": softest,
        "audio_most": loudest,
        "text_finite": np.isfinite(text_NSD).all(axis=(1, 2)),
        "text_behind": np.where(behind_NS, text_NSD.max(axis=2), 0).max(axis=1).astype(np.float64),
    }


def _extremes(codes: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the smallest and largest code of each row over several columns."""
    flat_NC = np.concatenate([values.reshape(len(values), -1) for values in codes], axis=1)
    return flat_NC.min(axis=1), flat_NC.max(axis=1)
