"""What the page is made of, read from the artefacts of other stages; only this room and the stage know paths."""

import csv
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from components.common import artifacts
from components.media import images, sniff, video
from components.report.records import Flow, Media, Model, Points, Sample, Score

SAMPLE_COLUMNS = ("sample_id", "task", "prompt", "clip_id", "seed", "stage", "unseen", "path")


def read_scores(metrics: Path) -> tuple[Score, ...]:
    """Read scores.json; raises ValueError naming the record and the fields that do not fit."""
    known = {field.name for field in fields(Score)}
    scores = []
    for position, record in enumerate(_json(metrics / "scores.json")):
        if set(record) != known:
            differ = ", ".join(sorted(set(record) ^ known))
            raise ValueError(f"scores.json, record {position} ({record.get('name')}): fields that do not fit: {differ}")
        scores.append(Score(**record))
    return tuple(scores)


def read_samples(folder: Path) -> tuple[Sample, ...]:
    """Read samples.parquet in its order; raises ValueError if a column or a file that it names is missing."""
    table = pq.read_table(folder / "samples.parquet")
    if missing := [name for name in SAMPLE_COLUMNS if name not in table.column_names]:
        raise ValueError(f"samples.parquet lacks the columns {', '.join(missing)}: run the stage `generate` again")
    return tuple(_sample(folder, row) for row in table.to_pylist())


def read_model(folder: Path) -> Model:
    """Read metrics.json, every PNG, and losses.csv, which a model that was not trained here lacks."""
    losses = folder / "losses.csv"
    curves = _curves(losses) if losses.is_file() else {}
    pictures = tuple(_media(folder, path.name) for path in sorted(folder.glob("*.png")))
    return Model(_json(folder / "metrics.json"), curves, pictures)


def read_flow(folder: Path) -> Flow:
    """Read what a data stage's manifest counts."""
    manifest = artifacts.read_manifest(folder)
    return Flow(manifest.counts, manifest.dropped)


def _sample(folder: Path, row: Mapping[str, Any]) -> Sample:
    notes_path = (folder / row["path"]).with_suffix(".json")
    notes: Mapping[str, Any] = _json(notes_path) if notes_path.is_file() else {}

    def beside(key: str) -> Media | None:
        name = row.get(key) or notes.get(key)
        return _media(folder, name) if name else None

    return Sample(
        sample_id=row["sample_id"],
        task=row["task"],
        prompt=row["prompt"] or "",
        clip_id=row["clip_id"] or "",
        seed=int(row["seed"]),
        stage=row["stage"],
        unseen=bool(row["unseen"]),
        made=_media(folder, row["path"]),
        condition=beside("condition_path"),
        truth=beside("truth_path"),
    )


def _media(folder: Path, name: str) -> Media:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise ValueError(f"{folder.name} names {name}, which is no file in it: run the stage that makes it again")
    with path.open("rb") as file:
        kind = sniff.kind_of(file.read(sniff.HEAD_BYTES))
    if kind == "image":
        height_px, width_px = images.read(path).shape[:2]
        return Media(name, "image", height_px, width_px, sound=False)
    found = video.probe(path)
    return Media(name, "video", found.height_px, found.width_px, found.sound)


def _curves(path: Path) -> dict[str, Points]:
    points: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if name != "step" and value:
                    points.setdefault(name, []).append((float(row["step"]), float(value)))
    return {name: tuple(pairs) for name, pairs in points.items()}


def _json(path: Path) -> Any:
    if not path.is_file():
        raise ValueError(f"{path.parent.name} holds no {path.name}: run the stage that makes it again")
    return json.loads(path.read_text())
