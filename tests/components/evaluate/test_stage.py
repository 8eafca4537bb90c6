import dataclasses
import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from components.audio_tokenizer import config as audio_tokenizer
from components.audio_tokenizer.model import Model as AudioModel
from components.common import artifacts
from components.common.formats import Formats
from components.evaluate import stage
from components.evaluate.scoring import METRICS
from components.filter.data import Clips
from components.generate import data as generated
from components.judge import data as judges
from components.judge.caption_vocabulary import CaptionVocabulary
from components.judge.config import Architecture
from components.judge.model import Judge
from components.language_model.tasks import SUPER_RESOLUTION, TASKS
from components.nn import weights
from components.visual_tokenizer import config as visual_tokenizer
from components.visual_tokenizer.model import Model as VisualModel


@pytest.fixture
def models(tmp_path):
    """Untrained models in folders, as their stages leave them."""
    torch.manual_seed(0)
    sound = audio_tokenizer.Architecture(2, 4, 1.0, 4, (4, 8), (1,), "snake", 4, 2, 8)
    sight = visual_tokenizer.Architecture("patch", 4, 3, 8, (1, 1), 1, 1, (2,), (2,), 4, 6)
    sizes = Architecture((4, 4), (4, 4), 4, 4, 4)
    judge = Judge(sizes, CaptionVocabulary(["red"]), {"color": ("blue", "red"), "motion": ("left", "right")})
    writers = {
        "judge": lambda folder: judges.save(folder, judge, sizes),
        "visual_tokenizer": lambda folder: weights.save(folder, VisualModel(sight), asdict(sight)),
        "audio_tokenizer": lambda folder: weights.save(folder, AudioModel(sound), asdict(sound)),
    }
    for name, write in writers.items():
        with artifacts.fresh(tmp_path / name) as folder:
            write(folder)
            artifacts.describe(folder, name, inputs={}, counts={})
    return {name: tmp_path / name for name in writers}


@pytest.fixture
def samples(made, clips, tmp_path):
    """One or two samples of every task that the language model knows, and of super-resolution."""
    kept = Clips(clips, "heldout")
    formats: Formats = kept.formats
    table = []
    for name, task in TASKS.items():
        for i in range(2):
            frames = kept.pixels(i, formats.clip)
            given = 1 if task.frames in ("first", "any") else 0
            region = {"inpaint": "inpaint_center", "outpaint": "outpaint_center"}.get(task.masked, "")
            unconditioned = name.startswith("unconditioned")
            table.append(
                made(
                    i,
                    frames[:1] if task.media == "image" else frames,
                    task=name,
                    clip=None if unconditioned else kept[i],
                    given_frames=given,
                    region=region,
                    wave=kept.samples(i, 5) if task.makes_audio else None,
                )
            )
    table.append(made(0, kept.pixels(0, formats.clip), task="super_resolution", name="s", clip=kept[0]))
    for scale in (2, 4):
        large = kept.pixels(0, formats.clip.scaled(scale))
        values = {"task": "super_resolution", "name": f"s-x{scale}", "stage": "super_resolution", "clip": kept[0]}
        table.append(made(0, large, **values))
    with artifacts.fresh(tmp_path / "samples") as folder:
        (tmp_path / "media").rename(folder / "media")
        generated.write_table(folder, table)
        artifacts.describe(folder, "samples", inputs={}, counts={"samples": len(table)})
    return tmp_path / "samples"


def test_every_task_is_scored_and_equal_samples_give_equal_bytes(config, models, samples, clips, tmp_path):
    for name in ("one", "two"):
        stage.run(config, samples=samples, clips=clips, output=tmp_path / name, **models)
    assert artifacts.digest(tmp_path / "one") == artifacts.digest(tmp_path / "two")
    records = json.loads((tmp_path / "one" / "scores.json").read_text())
    assert {record["task"] for record in records} == {*TASKS, SUPER_RESOLUTION}
    assert records[0]["task"] == "text_to_video"
    assert all(np.isfinite(record["value"]) and record["n"] >= 1 for record in records)
    names = {(record["task"], record["name"]) for record in records}
    assert len(names) == len(records)
    assert {"motion_accuracy[local-judge]", "psnr_where_it_moves"} <= {n for t, n in names if t == "image_to_video"}
    assert {"psnr_x2", "psnr_x4"} <= {n for t, n in names if t == "super_resolution"}


def test_every_task_has_metrics():
    assert set(METRICS) == {*TASKS, SUPER_RESOLUTION}
    assert all(METRICS.values())


def test_a_table_without_samples_has_no_scores(config, models, clips, tmp_path):
    with artifacts.fresh(tmp_path / "samples") as folder:
        generated.write_table(folder, [])
        artifacts.describe(folder, "samples", inputs={}, counts={})
    config = dataclasses.replace(config, bootstrap_draws=1)
    summary = stage.run(config, samples=tmp_path / "samples", clips=clips, output=tmp_path / "metrics", **models)
    assert summary.counts == {"samples": 0, "scores": 0}
