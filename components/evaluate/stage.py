"""samples -> scores, each with chance, a trivial baseline and its ceilings."""

from itertools import groupby
from pathlib import Path

import torch

from components.audio_tokenizer import data as audio_tokenizers
from components.common import artifacts, runtime
from components.common.artifacts import Summary
from components.common.progress import progress
from components.evaluate import data
from components.evaluate.config import Config
from components.evaluate.data import SampleMedia
from components.evaluate.real_reference import RealReference
from components.evaluate.reference_clips import ReferenceClips
from components.evaluate.scoring import METRICS, Scoring
from components.filter.data import Clips
from components.generate.data import read_table
from components.judge import data as judges
from components.visual_tokenizer import data as visual_tokenizers


def run(
    config: Config,
    *,
    samples: Path,
    clips: Path,
    judge: Path,
    visual_tokenizer: Path,
    audio_tokenizer: Path,
    output: Path,
) -> Summary:
    """Score every sample; writes `scores.json`, `metrics.json`, `measures.csv` and `answers.csv`."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    visual = visual_tokenizers.load(visual_tokenizer).to(device)
    audio = audio_tokenizers.load(audio_tokenizer).to(device)
    judge_model, kept = judges.load(judge).to(device), Clips(clips)
    references = ReferenceClips(kept, visual, audio)
    media = SampleMedia(samples, config.formats, config.crf)
    scoring = Scoring(
        config, judge_model, media, references, RealReference(config, kept, references, media, judge_model)
    )
    table = sorted(read_table(samples), key=lambda sample: (position_of(sample.task), sample.task, sample.sample_id))
    tasks = [(name, list(group)) for name, group in groupby(table, key=lambda sample: sample.task)]
    for name, group in progress(tasks, total=len(tasks), unit="tasks", label="evaluate"):
        scoring.task(name, group)
    scores = sorted(scoring.scores, key=lambda score: (position_of(score.task), score.task))
    runtime.current().tracker.scalars({data.plain_name(score): score.value for score in scores}, 0)
    with artifacts.fresh(output) as folder:
        data.write(folder, scores, scoring.measures, sorted(scoring.answers))
        return artifacts.describe(
            folder,
            "metrics",
            inputs={
                "samples": samples,
                "clips": clips,
                "judge": judge,
                "visual_tokenizer": visual_tokenizer,
                "audio_tokenizer": audio_tokenizer,
            },
            counts={"samples": len(table), "scores": len(scores)},
            facts={
                "real_clips": {"split": "heldout", "most": config.heldout_clips},
                "frames": {"most": config.formats.clip_frames, "fps": config.formats.fps},
                "resize": "bicubic, filtered before shrinking",
                "intervals": {"kind": "95 % bootstrap of the mean over samples", "draws": config.bootstrap_draws},
            },
        )


def position_of(task: str) -> int:
    """Return the position of a task among the scores; unknown ones come last."""
    return list(METRICS).index(task) if task in METRICS else len(METRICS)
