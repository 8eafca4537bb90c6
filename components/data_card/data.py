"""Readers of the artifacts of ingest and filter, and of the accepted card."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.common import artifacts
from components.data_card.statistics import StageCounts, Statistics, from_json
from components.filter.balance import Share
from components.filter.data import BALANCE, SCORES, Clips

CARD, PAGE = "card.json", "card.html"
ACCEPT = "videopoet card --accept"


@dataclass(frozen=True)
class QuarantinedFile:
    """A file that gave no clips."""

    path: str
    reason: str
    detail: str


@dataclass(frozen=True)
class ScoreLimit:
    """A rule of the filter on a score; None where there is no bound."""

    reason: str
    score: str
    unit: str
    least: float | None
    most: float | None


@dataclass(frozen=True)
class BalanceSummary:
    """Weights of the draws of training clips."""

    limits: Mapping[str, float | None]  # most that a concept and a label may have; None where nothing is balanced
    training_clips: int
    effective_clips: float  # as many clips with equal weights would vary as much
    shares: Sequence[Share]  # the most frequent of each kind first


@dataclass(frozen=True)
class CardInputs:
    """Both folders of clips, and the counts and scores that the stages wrote."""

    arrived: Clips
    kept: Clips
    scores: pa.Table  # a row for each clip of `arrived`, in its order
    files: StageCounts
    clips: StageCounts
    refused: Sequence[QuarantinedFile]
    bounds: Sequence[ScoreLimit]
    rules_off: Sequence[str]
    balance: BalanceSummary

    @cached_property
    def reasons(self) -> list[str]:
        """Reason why each clip that arrived was dropped, "" if it is kept."""
        found: list[str] = self.scores["reason"].to_pylist()
        return found

    @property
    def stored_bytes(self) -> tuple[int, int]:
        """Size of the shards of all clips, and of those that are kept."""
        arrived, kept = (
            sum(path.stat().st_size for path in clips.folder.glob("clips-*.parquet"))
            for clips in (self.arrived, self.kept)
        )
        return arrived, kept


def read(clips: Path, filtered: Path) -> CardInputs:
    """Open both folders; raises ValueError if the one was not made from the other, or counts do not come out even."""
    ingested, chosen = artifacts.read_manifest(clips), artifacts.read_manifest(filtered)
    if chosen.inputs.get("clips") != artifacts.digest(clips):
        raise ValueError(f"{filtered} was not made from {clips}: run filter again")
    if "limits" not in chosen.facts:
        raise ValueError(f"{filtered} does not say its limits: run filter again")
    arrived, scores = Clips(clips), pq.read_table(filtered / SCORES, use_threads=False)
    if scores["clip_id"].to_pylist() != arrived.table["clip_id"].to_pylist():
        raise ValueError(f"{filtered / SCORES} does not have the clips of {clips}: run filter again")
    quarantine = pq.read_table(clips / "quarantine.parquet", columns=["path", "reason", "detail"], use_threads=False)
    return CardInputs(
        arrived,
        Clips(filtered),
        scores,
        _stage_counts(ingested),
        _stage_counts(chosen),
        [QuarantinedFile(**row) for row in quarantine.to_pylist()],
        [ScoreLimit(**bound) for bound in chosen.facts["limits"]],
        chosen.facts["rules_off"],
        _balance(filtered, chosen),
    )


def read_reference(path: Path) -> Statistics | None:
    """Return the accepted card, None if the file says that there is none; raises ValueError if it is no card."""
    content = _json(path)
    if not content:
        return None
    try:
        return from_json(content)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is no card that this code can compare with ({error}): `videopoet run data_card` without one"
            f" ({{}} in its place), then `{ACCEPT}`"
        ) from None


def _balance(filtered: Path, chosen: artifacts.Manifest) -> BalanceSummary:
    shares = pq.read_table(filtered / BALANCE, use_threads=False).to_pylist()
    return BalanceSummary(**chosen.facts["balance"], shares=[Share(**row) for row in shares])


def _stage_counts(manifest: artifacts.Manifest) -> StageCounts:
    return StageCounts(manifest.counts.get("arrived", 0), manifest.counts.get("kept", 0), manifest.dropped)


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as JSON ({error}): write {{}} into it for no reference") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold a card, or {{}} for none")
    return content
