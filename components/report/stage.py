"""Everything that a run made -> a folder with one page that opens without a server.

Media and pictures are copied beside the page; nothing in it points outside, and nothing in it says when, where or how
fast the run was.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from components.common import artifacts
from components.common.artifacts import Summary
from components.report import data, gallery, page
from components.report import graph as graphs
from components.report.config import Config


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
    groups = gallery.groups(
        data.read_samples(samples),
        each=config.samples_per_task,
        base_width_px=config.base_width_px,
        width_px=config.formats.width_px,
    )
    known = {name: data.read_model(folder) for name, folder in models.items()}
    scores = data.read_scores(metrics)
    html = page.render(
        formats=config.formats,
        graph=graphs.read(graph),
        groups=groups,
        scores=scores,
        models=known,
        ingested=data.read_flow(ingested),
        kept=data.read_flow(clips),
    )
    with artifacts.fresh(output) as folder:
        (folder / "index.html").write_text(html)
        shown = {clip.media.name for group in groups for card in group.cards for clip in card.shown}
        _copy(samples, sorted(shown), folder / "assets" / "samples")
        for name, model in known.items():
            _copy(models[name], [picture.name for picture in model.pictures], folder / "assets" / name)
        counts = {"scores": len(scores), "cards": sum(len(group.cards) for group in groups), "media": len(shown)}
        inputs = {
            "graph": graph,
            "ingested": ingested,
            "clips": clips,
            "metrics": metrics,
            "samples": samples,
            **models,
        }
        return artifacts.describe(folder, "report", inputs=inputs, counts=counts)


def _copy(source: Path, names: Sequence[str], target: Path) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
