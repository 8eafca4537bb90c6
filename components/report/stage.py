"""Everything that a run made -> a folder with one page that opens without a server.

Media and pictures are copied beside the page; nothing in it points outside, and nothing in it says when, where or how
fast the run was.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from components.common import artifacts
from components.common.artifacts import Summary
from components.filter.data import Clips
from components.generate.data import read_table
from components.report import data, page
from components.report.config import Config
from components.report.gallery import Gallery, SampleCard
from components.report.graph import read as read_graph
from components.report.originals import Originals


def run(
    config: Config,
    *,
    graph: Path,
    ingested: Path,
    clips: Path,
    metrics: Path,
    samples: Path,
    visual_tokenizer_image: Path,
    visual_tokenizer: Path,
    audio_tokenizer: Path,
    text_encoder: Path,
    judge: Path,
    image_heavy: Path,
    video_heavy: Path,
    text_to_video: Path,
    image_to_video: Path,
    video_to_audio: Path,
    super_resolution_stage1: Path,
    super_resolution_stage2: Path,
    output: Path,
) -> Summary:
    """Write index.html and assets/; raises ValueError if an input lacks what every run of its stage writes."""
    models = {
        "visual_tokenizer_image": visual_tokenizer_image,
        "visual_tokenizer": visual_tokenizer,
        "audio_tokenizer": audio_tokenizer,
        "text_encoder": text_encoder,
        "judge": judge,
        "image_heavy": image_heavy,
        "video_heavy": video_heavy,
        "text_to_video": text_to_video,
        "image_to_video": image_to_video,
        "video_to_audio": video_to_audio,
        "super_resolution_stage1": super_resolution_stage1,
        "super_resolution_stage2": super_resolution_stage2,
    }
    table, originals = read_table(samples), Originals(Clips(clips))
    media = {sample.path: data.read_media(samples, sample.path) for sample in table}
    gallery = Gallery(config.formats, config.base_width_px, media, originals.audible, data.read_answers(metrics))
    groups = gallery.groups(table, config.samples_per_task)
    known = {name: data.read_model(path) for name, path in models.items()}
    scores = data.read_scores(metrics)
    html = page.render(
        formats=config.formats,
        graph=read_graph(graph),
        groups=groups,
        scores=scores,
        models=known,
        ingested=data.read_counts(ingested),
        kept=data.read_counts(clips),
    )
    cards = [card for group in groups for card in group.cards]
    with artifacts.fresh(output) as folder:
        (folder / "index.html").write_text(html)
        _copy(samples, (path for card in cards for path in card.paths), folder / "assets" / "samples")
        for name, model in known.items():
            _copy(models[name], (picture.name for picture in model.pictures), folder / "assets" / name)
        _encode(originals, cards, config, folder / "assets" / "originals")
        inputs = {"graph": graph, "ingested": ingested, "clips": clips, "metrics": metrics, "samples": samples}
        counts = {"cards": len(cards), "models": len(models), "scores": len(scores)}
        return artifacts.describe(folder, "report", inputs=inputs | models, counts=counts)


def _encode(originals: Originals, cards: Iterable[SampleCard], config: Config, target: Path) -> None:
    target.mkdir(parents=True)
    for original in {original.name: original for card in cards for original in card.originals}.values():
        content = originals.encode(original, fps=config.formats.fps, sample_rate_hz=config.formats.sample_rate_hz)
        (target / original.name).write_bytes(content)


def _copy(source: Path, names: Iterable[str], target: Path) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
