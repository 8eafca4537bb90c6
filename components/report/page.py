"""Records -> the report's page.

All markup is in templates/, all numbers and places are computed here and in ops/. Equal records give equal bytes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path
from typing import Final

from components.common import pages
from components.common.formats import Formats
from components.common.pages.measure_names import MeasureName, measure_name, readable
from components.evaluate.records import Score
from components.report.gallery import TaskSection
from components.report.graph import StageGraph
from components.report.model_folders import TITLES
from components.report.ops import bars, curves, summary, tasks
from components.report.ops.figures import figures
from components.report.ops.layout import BOX_HEIGHT_PX, GraphLayout, layered
from components.report.records import ManifestCounts, ModelResults

TEMPLATES = Path(__file__).parent / "templates"
LETTER_PX, BOX_PADDING_PX = 7.3, 22.0  # of the graph's monospaced names
STAND_IN = re.compile(r"\[([^\]]+)\]")
CARD = "card.html"

TOKENIZERS: Final = ("visual_tokenizer_image", "visual_tokenizer", "audio_tokenizer", "text_encoder", "judge")
MODEL_SIZES: Final = {  # in the header
    "language model": ("video_heavy",),
    "tokenizers": ("visual_tokenizer", "audio_tokenizer"),
    "super-resolution": ("super_resolution_stage1", "super_resolution_stage2"),
}
ANCHORS: Final = {"ingested": "data", "clips": "data", "metrics": "scores", "samples": "clips"}


@dataclass(frozen=True)
class ScoreRow:
    """A score with its name in words and its drawing."""

    score: Score
    name: MeasureName
    bar: bars.ScoreBar


@dataclass(frozen=True)
class ScoreTable:
    """The scores of a task; variants of a score on few samples or against another baseline are secondary."""

    primary: tuple[ScoreRow, ...]
    secondary: tuple[ScoreRow, ...]


@dataclass(frozen=True)
class ModelSection:
    """A model: its figures, its images, its curves, the loss first."""

    name: str
    title: str
    model: ModelResults
    charts: tuple[curves.Chart, ...]


@dataclass(frozen=True)
class DataStep:
    """A data stage: how many things arrived, stayed, and left for which reason, the most frequent first."""

    title: str
    left_out: str
    arrived: int
    kept: int
    dropped: Mapping[str, int]
    details: Mapping[str, int]


def render(
    *,
    formats: Formats,
    graph: StageGraph,
    sections: Sequence[TaskSection],
    scores: Sequence[Score],
    models: Mapping[str, ModelResults],
    ingested: ManifestCounts,
    kept: ManifestCounts,
) -> str:
    """Return the page as HTML; `models` go by the names of `TITLES`."""
    environment = pages.environment(TEMPLATES)
    environment.filters |= {"figures": figures, "readable": readable}
    cards = [_card(name, models[name]) for name in TITLES]
    return environment.get_template("page.html.jinja").render(
        run_facts=pages.RUN_FACTS,
        formats=formats,
        sizes=sizes(models),
        links=links(graph),
        summary=[(row, measure_name(row.score.name, row.score.task)) for row in summary.summary(scores)],
        graph=graph,
        layout=drawn(graph),
        box_height=BOX_HEIGHT_PX,
        anchors={stage.name: "" for stage in graph.stages}
        | {stage: _anchor(name) for name, stage in graph.producers("report").items()},
        sections=sections,
        tables=_tables(scores),
        stand_ins=sorted({name for score in scores for name in STAND_IN.findall(score.name)}),
        tokenizers=[card for card in cards if card.name in TOKENIZERS],
        cards=cards,
        steps=[step("Ingested files", "quarantined", ingested), step("Filtered clips", "dropped", kept)],
    )


def drawn(graph: StageGraph) -> GraphLayout:
    """Place the graph, boxes as wide as their names."""
    widths = {stage.name: round(len(stage.name) * LETTER_PX + BOX_PADDING_PX, 1) for stage in graph.stages}
    return layered(widths, graph.edges())


def links(graph: StageGraph) -> dict[str, str]:
    """Return the paths of data card and metrics, relative to the report, in a checkout as in a record."""
    report = graph.paths("report")
    card = graph.paths("data_card").get("output")
    found = {"data card": f"{card}/{CARD}"} if card else {}
    if metrics := report.get("metrics"):
        found |= {"scores.json": f"{metrics}/scores.json", "measures.csv": f"{metrics}/measures.csv"}
    return {name: relpath(path, report["output"]) for name, path in found.items()}


def sizes(models: Mapping[str, ModelResults]) -> dict[str, int]:
    """Parameters of the models named in the header, without those whose size is not known."""
    counts = {title: [models[name].parameters for name in names] for title, names in MODEL_SIZES.items()}
    return {title: sum(count or 0 for count in found) for title, found in counts.items() if all(found)}


def step(title: str, left_out: str, counts: ManifestCounts) -> DataStep:
    """Return the counts of a data stage; raises ValueError if kept + dropped is not what arrived."""
    arrived, kept = (counts.counts.get(name, 0) for name in ("arrived", "kept"))
    if arrived != kept + sum(counts.dropped.values()):
        raise ValueError(f"{title}: {arrived} arrived, but {kept} were kept and {sum(counts.dropped.values())} dropped")
    dropped = dict(sorted(counts.dropped.items(), key=lambda reason: (-reason[1], reason[0])))
    details = {name: count for name, count in counts.counts.items() if name not in ("arrived", "kept")}
    return DataStep(title, left_out, arrived, kept, dropped, details)


def _tables(scores: Sequence[Score]) -> dict[str, ScoreTable]:
    by_task: dict[str, list[ScoreRow]] = {}
    for score in sorted(scores, key=lambda score: tasks.order(score.task)):
        row = ScoreRow(score, measure_name(score.name, score.task), bars.bar(score))
        by_task.setdefault(score.task, []).append(row)
    return {
        task: ScoreTable(
            tuple(row for row in rows if not row.name.secondary), tuple(row for row in rows if row.name.secondary)
        )
        for task, rows in by_task.items()
    }


def _card(name: str, model: ModelResults) -> ModelSection:
    ordered = sorted(model.curves.items(), key=lambda curve: (curve[0] != "loss", curve[0]))
    charts = tuple(
        curves.chart(scalar, points, curves.SMALL if position else curves.LARGE)
        for position, (scalar, points) in enumerate(ordered)
    )
    return ModelSection(name, TITLES[name], model, charts)


def _anchor(name: str) -> str:
    return ANCHORS.get(name) or (f"model-{name}" if name in TITLES else "")
