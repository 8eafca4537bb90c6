"""What the page is made of, read from the artefacts of other stages; only this room and the stage know paths."""

import csv
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from components.common import artifacts
from components.evaluate.records import Score
from components.media import images, sniff, video
from components.report.records import Answer, ManifestCounts, MediaFile, ModelResults, Points


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


def read_answers(metrics: Path) -> dict[str, tuple[Answer, ...]]:
    """Read answers.csv: sample id -> what the judge was asked about it."""
    answers: dict[str, list[Answer]] = {}
    with _file(metrics / "answers.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            answers.setdefault(row["sample_id"], []).append(Answer(row["attribute"], row["wanted"], row["answered"]))
    return {sample_id: tuple(asked) for sample_id, asked in answers.items()}


def read_model(folder: Path) -> ModelResults:
    """Read metrics.json, losses.csv, which has no rows if the model was not trained here, and every PNG."""
    pictures = tuple(read_media(folder, path.name) for path in sorted(folder.glob("*.png")))
    return ModelResults(_json(folder / "metrics.json"), _curves(_file(folder / "losses.csv")), pictures)


def read_counts(folder: Path) -> ManifestCounts:
    """Read what a data stage's manifest counts."""
    manifest = artifacts.read_manifest(folder)
    return ManifestCounts(manifest.counts, manifest.dropped)


def read_media(folder: Path, name: str) -> MediaFile:
    """Read how large a picture or a clip is and whether it can be heard; raises ValueError if there is no such file."""
    path = _file(folder / name)
    with path.open("rb") as file:
        kind = sniff.kind_of(file.read(sniff.HEAD_BYTES))
    if kind == "image":
        height_px, width_px = images.read(path).shape[:2]
        return MediaFile(name, "image", height_px, width_px, sound=False)
    found = video.probe(path)
    return MediaFile(name, "video", found.height_px, found.width_px, found.sound)


def _curves(path: Path) -> dict[str, Points]:
    points: dict[str, list[tuple[float, float]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if name != "step" and value:
                    points.setdefault(name, []).append((float(row["step"]), float(value)))
    return {name: tuple(pairs) for name, pairs in points.items()}


def _json(path: Path) -> Any:
    return json.loads(_file(path).read_text())


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{path.parent} holds no {path.name}: run the stage that makes it again")
    return path
