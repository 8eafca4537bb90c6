"""held-out prompts and clips + every trained model -> samples of every task.

Each text-to-video sample has sound, by way of video-to-audio. The first of them, and some real clips, are enlarged by
super-resolution; the real ones stand in the table three times: reconstructed at base size, and at 2 and 4 times that.
Batches that are done are kept in scratch, so a killed run loses one batch.
"""

import shutil
from collections import Counter
from pathlib import Path

from components.common import artifacts, runtime
from components.common.artifacts import Summary
from components.common.progress import progress
from components.estimate_structure.data import Structures
from components.filter.data import Clips
from components.generate import data, prompts
from components.generate.batches import Producer, batches
from components.generate.config import Config
from components.generate.making import Maker
from components.generate.models import Folders, Models
from components.generate.selection import Selection


def run(
    config: Config,
    *,
    clips: Path,
    structure: Path,
    text_encoder: Path,
    visual_tokenizer: Path,
    audio_tokenizer: Path,
    base: Path,
    text_to_video: Path,
    image_to_video: Path,
    video_to_audio: Path,
    super_resolution_stage1: Path,
    super_resolution_stage2: Path,
    output: Path,
) -> Summary:
    """Make the samples that `config` counts; fewer of a task only where no held-out clip fits it."""
    folders = Folders(
        text_encoder,
        visual_tokenizer,
        audio_tokenizer,
        base,
        text_to_video,
        image_to_video,
        video_to_audio,
        super_resolution_stage1,
        super_resolution_stage2,
    )
    kept, maker = Clips(clips), Maker(config, Models(folders))
    selection = Selection(kept, config.formats)
    chosen = selection.all(config.samples, prompts.added(config))
    known = [one for one in chosen if maker.can(one.task, one.fmt)]
    dropped = {"format_not_trained": len(chosen) - len(known)}
    known += selection.real(maker.enlarged_format(), config.samples.super_resolution)
    work = runtime.current().scratch / "samples"
    work.mkdir(parents=True, exist_ok=True)
    producer = Producer(config, kept, Structures(structure), maker, work)
    plan = list(batches(known, config, maker))
    made = [producer.samples(batch) for batch in progress(plan, total=len(plan), unit="batches", label="generate")]
    samples = sorted((sample for batch in made for sample in batch), key=lambda sample: sample.sample_id)
    with artifacts.fresh(output) as folder:
        shutil.copytree(work / "media", folder / "media")
        data.write_table(folder, samples)
        counts = Counter(sample.task for sample in samples)
        inputs = {"clips": clips, "structure": structure, **vars(folders)}
        return artifacts.describe(folder, "samples", inputs=inputs, counts=counts, dropped=dropped)
