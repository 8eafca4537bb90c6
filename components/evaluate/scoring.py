"""Samples -> measures: which question is asked of which task.

A copied first frame is image-to-video's trivial answer. It keeps every pixel that does not move, so the measures that
count are those it must fail: the attribute that only motion shows, and pixels that differ from the first frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from components.common.formats import Format, Orientation
from components.common.random import seed_of
from components.evaluate import fidelity, judged, sounds
from components.evaluate.config import Config
from components.evaluate.data import Answer, Media
from components.evaluate.judged import Baseline, Judged
from components.evaluate.ops import Pixels, interval
from components.evaluate.real import Reality
from components.evaluate.records import Measure, Score
from components.evaluate.truth import Truth
from components.generate.data import Sample
from components.judge.model import Judge
from components.media.pixels import crop_and_resize


@dataclass
class Scoring:
    """Asks every question and notes every answer."""

    config: Config
    judge: Judge
    media: Media
    truth: Truth
    reality: Reality
    measures: list[Measure] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def task(self, name: str, samples: Sequence[Sample]) -> None:
        """Score the samples of one task; raises ValueError for a task without a question."""
        first, distances = len(self.measures), len(self.scores)
        match name:
            case "text_to_video" | "text_to_image":
                self.prompted(samples)
            case "unconditioned_video" | "unconditioned_image":
                self.spread(samples)
            case "image_to_video":
                self.measures += fidelity.continued(samples, self.media, self.truth, self.config.moving_threshold)
                self.recognised(samples, copied=True)
            case "frame_prediction":
                self.measures += fidelity.continued(samples, self.media, self.truth, self.config.moving_threshold)
            case "inpainting" | "outpainting":
                self.measures += fidelity.painted(samples, self.media, self.truth)
            case "stylization":
                self.measures += fidelity.restyled(samples, self.media, self.truth)
                self.recognised(samples)
            case "audio_to_video":
                self.recognised(samples)
            case "video_to_audio":
                self.measures += sounds.heard(samples, self.media, self.truth)
            case "audio_video_continuation":
                self.measures += fidelity.continued(samples, self.media, self.truth, self.config.moving_threshold)
                self.measures += sounds.heard(samples, self.media, self.truth)
            case "super_resolution":
                for scale in (2, 4):
                    self.measures += fidelity.enlarged(samples, self.media, self.truth, scale)
            case _:
                raise ValueError(
                    f"evaluate has no measure for the task {name}: add one to components/evaluate/scoring.py"
                )
        self.scores[distances:distances] = [score(measure, self.config) for measure in self.measures[first:]]

    def prompted(self, samples: Sequence[Sample]) -> None:
        """Held-out prompts by all that the judge knows; other formats and sizes by attributes; own prompts by fit."""
        own = [sample for sample in samples if not sample.clip_id and sample.stage == "base"]
        if own:
            self.measures.append(judged.similarity(self.judge, self.judged(own), None, suffix="_own_prompts"))

        def shape(sample: Sample) -> tuple[str, int]:
            return sample.format, self.media.scale(sample)

        from_clips = sorted((sample for sample in samples if sample.clip_id), key=shape)
        for (_, scale), same in groupby(from_clips, key=shape):
            group = list(same)
            fmt = self.media.format_of(group[0])
            found, real = self.judged(group), self.reality.of(self.as_judged(fmt))
            suffix = fmt.name.removeprefix("clip").removeprefix("image") + (f"_x{scale}" if scale > 1 else "")
            suffix = f"_{suffix.lstrip('_')}" if suffix else ""
            self.measures += judged.accuracies(self.judge, found, real, suffix=suffix)
            if not suffix:
                unseen = found.unseen()
                if unseen.samples:
                    of_real = real.unseen() if real else None
                    self.measures += judged.accuracies(self.judge, unseen, of_real, suffix="_unseen")
                self.measures.append(judged.similarity(self.judge, found, real))
                self.distance(found, fmt)

    def spread(self, samples: Sequence[Sample]) -> None:
        """Only the distance to real clips: nothing was asked for."""
        self.distance(self.judged(samples), self.media.format_of(samples[0]))

    def recognised(self, samples: Sequence[Sample], *, copied: bool = False) -> None:
        """Attributes of the real clip, beside those of its copied first frame where one was given."""
        fmt = self.as_judged(self.media.format_of(samples[0]))
        baseline = None
        if copied:
            firsts = (self.truth.pixels(sample.clip_id, fmt)[:1] for sample in samples)
            stills = (self.media.shown(first.repeat(fmt.frames, axis=0)) for first in firsts)
            baseline = Baseline("copied first frame", judged.described(self.judge, stills))
        self.measures += judged.accuracies(self.judge, self.judged(samples), self.reality.of(fmt), baseline=baseline)

    def distance(self, found: Judged, fmt: Format) -> None:
        """The distance to real clips, if there are two of both."""
        fmt = self.as_judged(fmt)
        real = self.reality.of(fmt)
        if real is not None and len(found.samples) > 1:
            self.scores.append(
                judged.distance(found, real, trained=self.reality.trained(fmt), trivial=self.reality.still(fmt))
            )

    def judged(self, samples: Sequence[Sample]) -> Judged:
        """Let the judge look at samples, and note what it names in those that were asked for something."""
        found = Judged(samples, judged.described(self.judge, (self.shown(sample) for sample in samples)))
        named = self.judge.named(found.features)
        self.answers += [
            (sample.sample_id, name, sample.attributes[name], answers[i])
            for name, answers in named.items()
            for i, sample in enumerate(samples)
            if name in sample.attributes
        ]
        return found

    def shown(self, sample: Sample) -> Pixels:
        """Frames as the judge learnt to see them: base size, the length of a clip at the most."""
        fmt = self.as_judged(self.media.format_of(sample))
        return crop_and_resize(self.media.frames(sample)[: fmt.frames], fmt.height_px, fmt.width_px)

    def as_judged(self, fmt: Format) -> Format:
        """The clip or picture format of the same orientation."""
        formats = self.config.formats
        orientation: Orientation = "portrait" if fmt.name.endswith("_portrait") else "square"
        return formats.of(min(fmt.frames, formats.clip_frames), orientation)


def score(measure: Measure, config: Config) -> Score:
    """The mean over samples with its bootstrap interval."""
    values_N = np.array(measure.values, dtype=np.float64)
    low, high = interval(
        values_N, config.bootstrap_draws, seed_of(config.seed, measure.task, measure.name.replace("color", "colour"))
    )
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
