"""Samples -> measures: the metric groups of each task.

The baseline of image-to-video is a copied first frame. It keeps every pixel that does not move, so the measures that
count are those in which it must fail: the attribute that only motion shows, and pixels that differ from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, Literal, assert_never

import numpy as np

from components.common.formats import Format
from components.common.random import seed_of
from components.evaluate import audio_fidelity, fidelity, judge_metrics
from components.evaluate.config import Config
from components.evaluate.data import Answer, SampleMedia
from components.evaluate.judge_metrics import Baseline, JudgedSamples
from components.evaluate.ops import interval
from components.evaluate.real_reference import RealReference
from components.evaluate.records import Measure, Score
from components.evaluate.reference_clips import ReferenceClips
from components.generate.data import Sample
from components.judge.model import Judge
from components.language_model.tasks import SUPER_RESOLUTION, TASKS, MetricGroup
from components.media.arrays import Pixels
from components.media.pixels import crop_and_resize

Metric = MetricGroup | Literal["super_resolution"]
METRICS: Final[dict[str, tuple[Metric, ...]]] = {  # by task, in the order of scores.json
    **{task.name: task.metrics for task in TASKS.values() if task.inputs},
    SUPER_RESOLUTION: ("super_resolution",),
    **{task.name: task.metrics for task in TASKS.values() if not task.inputs},
}


@dataclass
class Scoring:
    """Collects the measures, scores and answers of all tasks."""

    config: Config
    judge: Judge
    media: SampleMedia
    references: ReferenceClips
    real_reference: RealReference
    measures: list[Measure] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def task(self, name: str, samples: Sequence[Sample]) -> None:
        """Score the samples of one task; raises ValueError for a task without metrics."""
        metrics = METRICS.get(name, ())
        if not metrics:
            raise ValueError(f"evaluate has no metrics for the task {name}: add them to language_model/tasks.py")
        first, distances = len(self.measures), len(self.scores)
        for metric in metrics:
            self.measure(metric, samples)
        self.scores[distances:distances] = [score(measure, self.config) for measure in self.measures[first:]]

    def measure(self, metric: Metric, samples: Sequence[Sample]) -> None:
        """Take one group of measures."""
        match metric:
            case "prompt":
                self.prompted(samples)
            case "distribution":
                self.distance(self.judge_samples(samples), self.media.format_of(samples[0]))
            case "continuation":
                self.measures += fidelity.continuation_metrics(
                    samples, self.media, self.references, self.config.moving_threshold
                )
            case "copied_frame":
                self.attribute_metrics(samples, copied=True)
            case "attributes":
                self.attribute_metrics(samples)
            case "masked_region":
                self.measures += fidelity.inpainting_metrics(samples, self.media, self.references)
            case "structure":
                self.measures += fidelity.structure_metrics(samples, self.media, self.references)
            case "audio":
                self.measures += audio_fidelity.audio_metrics(samples, self.media, self.references)
            case "super_resolution":
                for scale in (2, 4):
                    self.measures += fidelity.super_resolution_metrics(samples, self.media, self.references, scale)
            case _:
                assert_never(metric)

    def prompted(self, samples: Sequence[Sample]) -> None:
        """Measure samples of prompts.

        Held-out prompts in the usual format get all measures of the judge, other formats and sizes only accuracies, and
        prompts of params.yaml only similarity.
        """
        own = [sample for sample in samples if not sample.clip_id and sample.stage == "base"]
        if own:
            self.measures.append(
                judge_metrics.similarity(self.judge, self.judge_samples(own), None, suffix="_own_prompts")
            )

        def shape(sample: Sample) -> tuple[str, int]:
            return sample.format, self.media.scale(sample)

        from_clips = sorted((sample for sample in samples if sample.clip_id), key=shape)
        for (_, scale), same in groupby(from_clips, key=shape):
            group = list(same)
            fmt = self.media.format_of(group[0])
            found, real = self.judge_samples(group), self.real_reference.of(self.as_judged(fmt))
            suffix = fmt.name.removeprefix("clip").removeprefix("image") + (f"_x{scale}" if scale > 1 else "")
            suffix = f"_{suffix.lstrip('_')}" if suffix else ""
            self.measures += judge_metrics.accuracies(self.judge, found, real, suffix=suffix)
            if not suffix:
                unseen = found.unseen()
                if unseen.samples:
                    of_real = real.unseen() if real else None
                    self.measures += judge_metrics.accuracies(self.judge, unseen, of_real, suffix="_unseen")
                self.measures.append(judge_metrics.similarity(self.judge, found, real))
                self.distance(found, fmt)

    def attribute_metrics(self, samples: Sequence[Sample], *, copied: bool = False) -> None:
        """Measure attributes of the real clip; if `copied`, its copied first frame is the baseline."""
        fmt = self.as_judged(self.media.format_of(samples[0]))
        baseline = None
        if copied:
            firsts = (self.references.pixels(sample.clip_id, fmt)[:1] for sample in samples)
            stills = (self.media.shown(first.repeat(fmt.frames, axis=0)) for first in firsts)
            baseline = Baseline("copied first frame", judge_metrics.features_of(self.judge, stills))
        self.measures += judge_metrics.accuracies(
            self.judge, self.judge_samples(samples), self.real_reference.of(fmt), baseline=baseline
        )

    def distance(self, found: JudgedSamples, fmt: Format) -> None:
        """Measure the distance to real clips, if there are two of both."""
        fmt = self.as_judged(fmt)
        real = self.real_reference.of(fmt)
        if real is not None and len(found.samples) > 1:
            self.scores.append(
                judge_metrics.distance(
                    found, real, trained=self.real_reference.trained(fmt), trivial=self.real_reference.still(fmt)
                )
            )

    def judge_samples(self, samples: Sequence[Sample]) -> JudgedSamples:
        """Return the judge's features of samples, and record its answers on attributes that they should have."""
        found = JudgedSamples(
            samples, judge_metrics.features_of(self.judge, (self.shown(sample) for sample in samples))
        )
        named = self.judge.named(found.features)
        self.answers += [
            (sample.sample_id, name, sample.attributes[name], answers[i])
            for name, answers in named.items()
            for i, sample in enumerate(samples)
            if name in sample.attributes
        ]
        return found

    def shown(self, sample: Sample) -> Pixels:
        """Return frames as the judge was trained on them: base size, at most the length of a clip."""
        fmt = self.as_judged(self.media.format_of(sample))
        return crop_and_resize(self.media.frames(sample)[: fmt.frames], fmt.height_px, fmt.width_px)

    def as_judged(self, fmt: Format) -> Format:
        """Return the clip or image format of the same orientation."""
        formats = self.config.formats
        return formats.of(min(fmt.frames, formats.clip_frames), fmt.orientation)


def score(measure: Measure, config: Config) -> Score:
    """Return the mean over samples with its bootstrap interval."""
    values_N = np.array(measure.values, dtype=np.float64)
    low, high = interval(values_N, config.bootstrap_draws, seed_of(config.seed, measure.task, _seed_name(measure.name)))
    return Score(
        name=measure.name,
        task=measure.task,
        value=float(values_N.mean()),
        low=low,
        high=high,
        chance=measure.chance,
        baseline=None if measure.baselines is None else float(np.mean(measure.baselines)),
        baseline_name=measure.baseline_name,
        reconstruction_ceiling=measure.reconstruction_ceiling,
        real_ceiling=measure.real_ceiling,
        n=len(values_N),
        unit=measure.unit,
        better=measure.better,
    )


def _seed_name(name: str) -> str:
    """Return the name that seeds the interval: a renamed measure keeps that of its old name."""
    return name.replace("color_accuracy", "colour_accuracy").replace("psnr_where_masked", "psnr_where_hidden")
