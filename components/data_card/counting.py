"""A book -> its statistics: each clip counted once in every column, among what arrived and among what is kept."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from components.data_card.data import CardInputs
from components.data_card.statistics import ArrivedAndKept, BinCounts, Statistics, bins, tally

Column = list[Any]


def statistics(inputs: CardInputs) -> Statistics:
    """Count all that a card tells in numbers."""
    kept = [place for place, reason in enumerate(inputs.reasons) if not reason]
    columns = _columns(inputs)
    split = ArrivedAndKept({}, tally(inputs.kept.table["split"].to_pylist()))  # the filter chooses it
    return Statistics(
        files=inputs.files,
        clips=inputs.clips,
        totals=ArrivedAndKept(
            *(
                _totals(inputs, some, size)
                for some, size in zip((range(len(inputs.reasons)), kept), inputs.stored_bytes, strict=True)
            )
        ),
        shares={name: _both(column, kept, tally, ArrivedAndKept) for name, column in columns.items()}
        | {"split": split},
        scores={
            name: _both(inputs.scores[name].to_pylist(), kept, bins, BinCounts)
            for name in inputs.scores.schema.names
            if _is_number(inputs.scores.schema.field(name).type)
            and inputs.scores[name].null_count < len(inputs.reasons)
        },
        rules_off=list(inputs.rules_off),
    )


def _both(column: Column, kept: Sequence[int], count: Callable[[Column], Any], kind: Callable[[Any, Any], Any]) -> Any:
    return kind(count(column), count([column[place] for place in kept]))


def _columns(inputs: CardInputs) -> dict[str, Column]:
    """Value of each clip that arrived, as text; "" is not known."""
    known: dict[str, Column] = {
        name: inputs.arrived.table[name].to_pylist()
        for name in ("kind", "orientation", "licence", "root", "frames", "height_px", "width_px", "audio_state")
    }
    given = [
        json.loads(attributes).get("language", "") for attributes in inputs.arrived.table["attributes"].to_pylist()
    ]
    detected = [language or "" for language in inputs.scores["language"].to_pylist()]
    return {
        "kind": known["kind"],
        "orientation": known["orientation"],
        "frames": [str(frames) for frames in known["frames"]],
        "size": [f"{w}×{h}" for w, h in zip(known["width_px"], known["height_px"], strict=True)],
        "sound": [
            state if kind == "video" else "picture"
            for state, kind in zip(known["audio_state"], known["kind"], strict=True)
        ],
        "licence": known["licence"],
        "language": [said or found for said, found in zip(given, detected, strict=True)],
        "source": [root or "corpus" for root in known["root"]],
    }


def _totals(inputs: CardInputs, places: Sequence[int], stored_bytes: int) -> dict[str, int]:
    table = inputs.arrived.table.take(pa.array(places, pa.int64()))
    kinds, sounds, captions = (table[name].to_pylist() for name in ("kind", "audio_state", "caption"))
    spans = [
        end - start if kind == "video" else 0.0
        for start, end, kind in zip(table["start_s"].to_pylist(), table["end_s"].to_pylist(), kinds, strict=True)
    ]
    heard = (span for span, sound in zip(spans, sounds, strict=True) if sound == "audible")
    return {
        "sources": len(set(table["source_sha256"].to_pylist())),
        "videos": kinds.count("video"),
        "pictures": kinds.count("image"),
        "captioned": sum(caption != "" for caption in captions),
        "video_s": round(sum(spans)),
        "audible_s": round(sum(heard)),
        "stored_bytes": stored_bytes,
    }


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
