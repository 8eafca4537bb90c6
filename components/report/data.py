"""Readers of the artifacts that the report shows."""

import csv
import json
from dataclasses import fields
from math import prod
from pathlib import Path
from typing import Any

from components.common import artifacts
from components.evaluate.records import Score
from components.media import images, sniff, video
from components.media.arrays import Pixels
from components.report.ops import sheets
from components.report.records import Answer, ManifestCounts, MediaFile, ModelResults, Points

WEIGHTS = "model.safetensors"


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
    """Read answers.csv: sample id -> the judge's answers about it."""
    answers: dict[str, list[Answer]] = {}
    with _file(metrics / "answers.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            answers.setdefault(row["sample_id"], []).append(Answer(row["attribute"], row["wanted"], row["answered"]))
    return {sample_id: tuple(asked) for sample_id, asked in answers.items()}


def read_model(folder: Path) -> ModelResults:
    """Read metrics.json, losses.csv, which has no rows if the model was not trained here, the sheets and the size."""
    shapes = [(path.name, read_sheet(path).shape) for path in sorted(folder.glob("*.png"))]
    counts = artifacts.read_manifest(folder).counts
    return ModelResults(
        _json(folder / "metrics.json"),
        _curves(_file(folder / "losses.csv")),
        tuple(MediaFile(name, "image", shape[0], shape[1], audio=False) for name, shape in shapes),
        counts.get("parameters") or _stored_numbers(folder / WEIGHTS),
        counts.get("steps"),
    )


def read_sheet(path: Path) -> Pixels:
    """Read a model's contact sheet in the shape that fits the page."""
    return sheets.reflowed(images.read(path))


def read_counts(folder: Path) -> ManifestCounts:
    """Read the counts of a data stage's manifest."""
    manifest = artifacts.read_manifest(folder)
    return ManifestCounts(manifest.counts, manifest.dropped)


def read_media(folder: Path, name: str) -> MediaFile:
    """Read the size of an image or a clip and if it has audio; raises ValueError if there is no such file."""
    path = _file(folder / name)
    with path.open("rb") as file:
        kind = sniff.kind_of(file.read(sniff.HEAD_BYTES))
    if kind == "image":
        height_px, width_px = images.read(path).shape[:2]
        return MediaFile(name, "image", height_px, width_px, audio=False)
    found = video.probe(path)
    return MediaFile(name, "video", found.height_px, found.width_px, found.has_audio)


def _stored_numbers(path: Path) -> int | None:
    """Count the numbers in a safetensors file by its header: 8 bytes of length, then JSON."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        header: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(int(prod(tensor["shape"])) for name, tensor in header.items() if name != "__metadata__")


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
