"""Results of a run -> the report: a folder with one page that opens without a server.

Media are copied into the folder. The page links to the data card and the metrics by their paths in the graph, which
hold in a checkout and in the record of a run alike; it holds no run hash, date, host or cost, which are the record's.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from components.common import artifacts
from components.common.artifacts import Summary
from components.filter.data import Clips
from components.generate.data import read_table
from components.media import images
from components.report import data, page
from components.report.config import Config
from components.report.gallery import Gallery, SampleCard
from components.report.graph import read as read_graph
from components.report.model_folders import ModelFolders
from components.report.originals import Originals


def run(
    config: Config,
    *,
    graph: Path,
    ingested: Path,
    clips: Path,
    metrics: Path,
    samples: Path,
    models: ModelFolders,
    output: Path,
) -> Summary:
    """Write index.html and assets/; raises ValueError if an input lacks what every run of its stage writes."""
    folders: dict[str, Path] = vars(models)
    table, originals = read_table(samples), Originals(Clips(clips))
    media = {sample.path: data.read_media(samples, sample.path) for sample in table}
    gallery = Gallery(config.formats, config.base_width_px, media, originals.audible, data.read_answers(metrics))
    sections = gallery.sections(table, config.samples_per_task)
    results = {name: data.read_model(path) for name, path in folders.items()}
    scores = data.read_scores(metrics)
    html = page.render(
        formats=config.formats,
        graph=read_graph(graph),
        sections=sections,
        scores=scores,
        models=results,
        ingested=data.read_counts(ingested),
        kept=data.read_counts(clips),
    )
    cards = [card for section in sections for card in section.cards]
    with artifacts.fresh(output) as folder:
        (folder / "index.html").write_text(html)
        _copy(samples, (path for card in cards for path in card.paths), folder / "assets" / "samples")
        for name, model in results.items():
            for sheet in model.images:
                _write_sheet(folders[name] / sheet.name, folder / "assets" / name)
        _encode(originals, cards, config, folder / "assets" / "originals")
        counts = {"cards": len(cards), "models": len(results), "scores": len(scores)}
        results_of = {"ingested": ingested, "clips": clips, "metrics": metrics, "samples": samples, **folders}
        return artifacts.describe(folder, "report", inputs={"graph": graph, **results_of}, counts=counts)


def _encode(originals: Originals, cards: Iterable[SampleCard], config: Config, target: Path) -> None:
    target.mkdir(parents=True)
    for original in {original.name: original for card in cards for original in card.originals}.values():
        content = originals.encode(original, fps=config.formats.fps, sample_rate_hz=config.formats.sample_rate_hz)
        (target / original.name).write_bytes(content)


def _write_sheet(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    (target / source.name).write_bytes(images.encode_png(data.read_sheet(source)))


def _copy(source: Path, names: Iterable[str], target: Path) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
