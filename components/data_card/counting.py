"""Inputs of the card -> its statistics: each clip counted once in every column, among arrived and among kept."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from components.data_card.data import CardInputs
from components.data_card.statistics import ArrivedAndKept, BinCounts, Statistics, bins, tally

Column = list[Any]


def statistics(inputs: CardInputs) -> Statistics:
    """Count everything that card.json holds."""
    kept = [place for place, reason in enumerate(inputs.reasons) if not reason]
    columns = _columns(inputs)
    split = ArrivedAndKept({}, tally(inputs.kept.table["split"].to_pylist()))  # the filter chooses it
    return Statistics(
        files=inputs.files,
        clips=inputs.clips,
        totals=ArrivedAndKept(
            *(
                _totals(inputs.arrived.table.take(pa.array(some, pa.int64()))) | {"stored_bytes": size}
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


def split_totals(inputs: CardInputs) -> dict[str, dict[str, int]]:
    """Count the kept clips of each split, the largest split first."""
    table = inputs.kept.table
    splits = tally(table["split"].to_pylist())
    return {split: _totals(table.filter(pc.equal(table["split"], split))) for split in splits}


def guessed_languages(inputs: CardInputs) -> int:
    """Count the kept clips whose language the filter guessed from the caption, because the source names none."""
    kept = [place for place, reason in enumerate(inputs.reasons) if not reason]
    declared, detected = _languages(inputs)
    return sum(bool(detected[place] and not declared[place]) for place in kept)


def _both(column: Column, kept: Sequence[int], count: Callable[[Column], Any], kind: Callable[[Any, Any], Any]) -> Any:
    return kind(count(column), count([column[place] for place in kept]))


def _columns(inputs: CardInputs) -> dict[str, Column]:
    """Column -> the value of each clip that arrived, as text; "" if not known."""
    known: dict[str, Column] = {
        name: inputs.arrived.table[name].to_pylist()
        for name in ("kind", "orientation", "license", "root", "frames", "height_px", "width_px", "audio_state")
    }
    return {
        "kind": known["kind"],
        "orientation": known["orientation"],
        "frames": [str(frames) for frames in known["frames"]],
        "size": [f"{w}×{h}" for w, h in zip(known["width_px"], known["height_px"], strict=True)],
        "audio": [
            state if kind == "video" else "image"
            for state, kind in zip(known["audio_state"], known["kind"], strict=True)
        ],
        "license": known["license"],
        "language": [declared or detected for declared, detected in zip(*_languages(inputs), strict=True)],
        "source": [root or "corpus" for root in known["root"]],
    }


def _languages(inputs: CardInputs) -> tuple[list[str], list[str]]:
    """Language of each clip that arrived, as its source declares it and as the filter guesses it; "" if not known."""
    attributes = inputs.arrived.table["attributes"].to_pylist()
    declared = [str(json.loads(text).get("language", "")) for text in attributes]
    return declared, [language or "" for language in inputs.scores["language"].to_pylist()]


def _totals(table: pa.Table) -> dict[str, int]:
    kinds, audio_states, captions = (table[name].to_pylist() for name in ("kind", "audio_state", "caption"))
    spans = [
        end - start if kind == "video" else 0.0
        for start, end, kind in zip(table["start_s"].to_pylist(), table["end_s"].to_pylist(), kinds, strict=True)
    ]
    audible = (span for span, state in zip(spans, audio_states, strict=True) if state == "audible")
    return {
        "sources": len(set(table["source_sha256"].to_pylist())),
        "videos": kinds.count("video"),
        "images": kinds.count("image"),
        "captioned": sum(caption != "" for caption in captions),
        "video_s": round(sum(spans)),
        "audible_s": round(sum(audible)),
    }


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
