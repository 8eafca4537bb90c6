"""Batches of samples: their names and seeds, and the files that survive a killed run.

A sample is a function of its name and its inputs, so a run that resumes from finished batches ends with the same files.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

from components.common import artifacts
from components.common.formats import Format
from components.common.random import seed_of
from components.estimate_structure.data import Structures
from components.filter.data import Clips
from components.generate import data
from components.generate.conditioning import given_frames, region_of, sample_inputs
from components.generate.config import Config
from components.generate.data import Sample
from components.generate.generator import GeneratedBatch, Generator
from components.generate.selection import SampleSpec
from components.language_model.tasks import Task
from components.pretokenize import ops

STAGES: Final[tuple[tuple[Literal["stage1", "stage2"], int], ...]] = (
    ("stage1", 2),
    ("stage2", 4),
)  # super-resolution stages, and the scale after each


@dataclass(frozen=True)
class Batch:
    """Consecutive samples of one task and format."""

    task: Task | None
    fmt: Format
    first: int  # number of its first sample within task and format
    specs: Sequence[SampleSpec]
    upsampled: int  # number of them, from the first on, that are also upsampled

    @property
    def names(self) -> list[str]:
        """Names of the samples, unique in a run."""
        return [f"{one.name}-{self.fmt.name}-{number:04d}" for number, one in enumerate(self.specs, start=self.first)]


def batches(specs: Sequence[SampleSpec], config: Config, generator: Generator) -> Iterator[Batch]:
    """Cut samples into batches; all real clips and the first text-to-video samples are upsampled."""
    sized = generator.upsampled_format()
    for (task, fmt), group in groupby(specs, key=lambda one: (one.task, one.fmt)):
        wanted = config.samples.super_resolution_of_text_to_video if task and task.name == "text_to_video" else 0
        for span, part in ops.batches(list(group), generator.tokens(fmt), config.batch_tokens):
            upsampled = len(part) if task is None else max(0, min(len(part), wanted - span.start)) * (fmt == sized)
            yield Batch(task, fmt, span.start, part, upsampled)


@dataclass(frozen=True)
class BatchRunner:
    """Generates batches from held-out clips and keeps them in a folder."""

    config: Config
    clips: Clips
    structures: Structures
    generator: Generator
    folder: Path

    def samples(self, batch: Batch) -> list[Sample]:
        """Generate a batch and write its files, unless an earlier run did."""
        done = self.folder / f"{batch.names[0]}.done"
        if done.is_file():
            return [Sample(**values) for values in json.loads(done.read_text())]
        samples = []
        for sample, media in self._generated(batch):
            data.write(self.folder, sample, media)
            samples.append(sample)
        artifacts.replace_file(done, json.dumps([asdict(sample) for sample in samples]).encode())
        return samples

    def _generated(self, batch: Batch) -> Iterator[tuple[Sample, bytes]]:
        seeds = [seed_of(self.config.seed, name) for name in batch.names]
        inputs = [sample_inputs(spec, self.config, self.clips, self.structures) for spec in batch.specs]
        if batch.task is None:
            generated = self.generator.reconstruct(inputs)
        else:
            generated = self.generator.generate(batch.task, batch.fmt, inputs, seeds)
            if batch.task.name == "text_to_video":
                generated = self.generator.add_audio(generated, batch.fmt, seeds)
        yield from self._files(batch, generated, seeds, 1)
        if batch.upsampled:
            generated = generated.first(batch.upsampled)
            prompts = [spec.prompt for spec in batch.specs[: batch.upsampled]]
            for stage, scale in STAGES:
                generated = self.generator.upsample(generated, prompts, stage, seeds[: batch.upsampled])
                yield from self._files(batch, generated, seeds, scale)

    def _files(
        self, batch: Batch, generated: GeneratedBatch, seeds: Sequence[int], scale: int
    ) -> Iterator[tuple[Sample, bytes]]:
        for number, frames_THWC in enumerate(generated.frames):
            spec = batch.specs[number]
            suffix, media = data.encode(
                frames_THWC,
                None if generated.wave is None else generated.wave[number],
                fps=self.config.formats.fps,
                sample_rate_hz=self.config.formats.sample_rate_hz,
                crf=self.config.crf,
            )
            name = batch.names[number] + (f"-x{scale}" if scale > 1 else "")
            yield (
                Sample(
                    sample_id=name,
                    task=spec.name,
                    format=batch.fmt.name,
                    prompt=spec.prompt,
                    clip_id=self.clips[spec.row].clip_id if spec.row >= 0 else "",
                    seed=seeds[number],
                    stage="base" if scale == 1 else "super_resolution",
                    unseen=spec.unseen,
                    attributes=spec.attributes,
                    given_frames=given_frames(batch.task, self.config),
                    region=region_of(batch.task, self.config),
                    path=f"media/{name}{suffix}",
                ),
                media,
            )
