"""Records -> the page.

All markup is in templates/, all numbers and places are made here and in ops/. Equal records give equal bytes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.common import pages
from components.common.formats import Formats
from components.evaluate.records import Score
from components.report.gallery import TaskSection
from components.report.graph import StageGraph
from components.report.ops import bars, curves, tasks
from components.report.ops.figures import figures
from components.report.ops.layout import BOX_HEIGHT_PX, GraphLayout, layered
from components.report.records import ManifestCounts, ModelResults

TEMPLATES = Path(__file__).parent / "templates"
LETTER_PX, BOX_PADDING_PX = 7.3, 22.0  # of the graph's monospaced names
STAND_IN = re.compile(r"\[([^\]]+)\]")

# What each model is called, by the name of the stage's input.
TITLES: Final = {
    "visual_tokenizer_image": "Visual tokenizer on pictures",
    "visual_tokenizer": "Visual tokenizer on video",
    "audio_tokenizer": "Audio tokenizer",
    "text_encoder": "Text encoder",
    "judge": "Judge",
    "image_heavy": "Language model, image-heavy",
    "video_heavy": "Language model, video-heavy",
    "text_to_video": "Adapted, text to video",
    "image_to_video": "Adapted, image to video",
    "video_to_audio": "Adapted, video to audio",
    "super_resolution_stage1": "Super-resolution, stage 1",
    "super_resolution_stage2": "Super-resolution, stage 2",
}
TOKENIZERS: Final = ("visual_tokenizer_image", "visual_tokenizer", "audio_tokenizer", "text_encoder", "judge")
PLACES: Final = {"ingested": "data", "clips": "data", "metrics": "scores", "samples": "made"}


@dataclass(frozen=True)
class ScoreRow:
    """A score with its drawing."""

    score: Score
    bar: bars.ScoreBar


@dataclass(frozen=True)
class ModelSection:
    """A model: its figures, its pictures, its curves, the loss first."""

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
    groups: Sequence[TaskSection],
    scores: Sequence[Score],
    models: Mapping[str, ModelResults],
    ingested: ManifestCounts,
    kept: ManifestCounts,
) -> str:
    """Write the whole page as HTML; `models` go by the names of `TITLES`."""
    environment = pages.environment(TEMPLATES)
    environment.filters["figures"] = figures
    cards = [_card(name, models[name]) for name in TITLES]
    return environment.get_template("page.html.jinja").render(
        formats=formats,
        graph=graph,
        layout=drawn(graph),
        box_height=BOX_HEIGHT_PX,
        places={stage.name: "" for stage in graph.stages}
        | {stage: _place(name) for name, stage in graph.makers("report").items()},
        groups=groups,
        tables=_tables(scores),
        stand_ins=sorted({name for score in scores for name in STAND_IN.findall(score.name)}),
        tokenizers=[card for card in cards if card.name in TOKENIZERS],
        cards=cards,
        steps=[step("Files taken in", "quarantined", ingested), step("Clips kept", "dropped", kept)],
    )


def drawn(graph: StageGraph) -> GraphLayout:
    """Place the graph, boxes as wide as their names."""
    widths = {stage.name: round(len(stage.name) * LETTER_PX + BOX_PADDING_PX, 1) for stage in graph.stages}
    return layered(widths, graph.edges())


def step(title: str, left_out: str, flow: ManifestCounts) -> DataStep:
    """What a data stage's manifest counts; raises ValueError if its sum does not come out even."""
    arrived, kept = (flow.counts.get(name, 0) for name in ("arrived", "kept"))
    if arrived != kept + sum(flow.dropped.values()):
        raise ValueError(f"{title}: {arrived} arrived, but {kept} were kept and {sum(flow.dropped.values())} dropped")
    dropped = dict(sorted(flow.dropped.items(), key=lambda reason: (-reason[1], reason[0])))
    details = {name: count for name, count in flow.counts.items() if name not in ("arrived", "kept")}
    return DataStep(title, left_out, arrived, kept, dropped, details)


def _tables(scores: Sequence[Score]) -> dict[str, list[ScoreRow]]:
    tables: dict[str, list[ScoreRow]] = {}
    for score in sorted(scores, key=lambda score: tasks.order(score.task)):
        tables.setdefault(score.task, []).append(ScoreRow(score, bars.bar(score)))
    return tables


def _card(name: str, model: ModelResults) -> ModelSection:
    ordered = sorted(model.curves.items(), key=lambda curve: (curve[0] != "loss", curve[0]))
    charts = tuple(
        curves.chart(scalar, points, curves.SMALL if position else curves.LARGE)
        for position, (scalar, points) in enumerate(ordered)
    )
    return ModelSection(name, TITLES[name], model, charts)


def _place(name: str) -> str:
    return PLACES.get(name) or (f"model-{name}" if name in TITLES else "")
