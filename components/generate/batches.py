"""Batches of samples: what is made together, under which names and seeds, and what is kept when a run is killed.

A sample is a function of its name and of what it is made from, so a run that goes on from kept batches ends with the
same files.
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
from components.generate.config import Config
from components.generate.data import Sample
from components.generate.making import Made, Maker
from components.generate.orders import given_frames, order_of, region_of
from components.generate.selection import Chosen
from components.language_model.tasks import Task
from components.pretokenize import ops

STAGES: Final[tuple[tuple[Literal["stage1", "stage2"], int], ...]] = (
    ("stage1", 2),
    ("stage2", 4),
)  # of super-resolution, and the scale that each reaches


@dataclass(frozen=True)
class Batch:
    """Neighbouring samples of one task and format."""

    task: Task | None
    fmt: Format
    first: int  # number of its first sample within task and format
    chosen: Sequence[Chosen]
    enlarged: int  # how many of them, from the first on, are also enlarged

    @property
    def names(self) -> list[str]:
        """One for each sample, unique among those of a run."""
        return [f"{one.name}-{self.fmt.name}-{number:04d}" for number, one in enumerate(self.chosen, start=self.first)]


def batches(chosen: Sequence[Chosen], config: Config, maker: Maker) -> Iterator[Batch]:
    """Cut what is chosen into batches; enlarged are all real clips and the first of text-to-video."""
    sized = maker.enlarged_format()
    for (task, fmt), group in groupby(chosen, key=lambda one: (one.task, one.fmt)):
        wanted = config.samples.super_resolution_of_text_to_video if task and task.name == "text-to-video" else 0
        for span, part in ops.batches(list(group), maker.tokens(fmt), config.batch_tokens):
            enlarged = len(part) if task is None else max(0, min(len(part), wanted - span.start)) * (fmt == sized)
            yield Batch(task, fmt, span.start, part, enlarged)


@dataclass(frozen=True)
class Producer:
    """Makes batches from held-out clips and keeps them in a folder."""

    config: Config
    clips: Clips
    structures: Structures
    maker: Maker
    folder: Path

    def samples(self, batch: Batch) -> list[Sample]:
        """Make a batch and write its files, unless an earlier run did."""
        done = self.folder / f"{batch.names[0]}.done"
        if done.is_file():
            return [Sample(**values) for values in json.loads(done.read_text())]
        samples = []
        for sample, media in self._made(batch):
            data.write(self.folder, sample, media)
            samples.append(sample)
        artifacts.replace_file(done, json.dumps([asdict(sample) for sample in samples]).encode())
        return samples

    def _made(self, batch: Batch) -> Iterator[tuple[Sample, bytes]]:
        seeds = [seed_of(self.config.seed, name) for name in batch.names]
        orders = [order_of(chosen, self.config, self.clips, self.structures) for chosen in batch.chosen]
        if batch.task is None:
            made = self.maker.reconstruct(orders)
        else:
            made = self.maker.make(batch.task, batch.fmt, orders, seeds)
            if batch.task.name == "text-to-video":
                made = self.maker.add_sound(made, batch.fmt, seeds)
        yield from self._files(batch, made, seeds, 1)
        if batch.enlarged:
            made = made.first(batch.enlarged)
            prompts = [chosen.prompt for chosen in batch.chosen[: batch.enlarged]]
            for stage, scale in STAGES:
                made = self.maker.enlarge(made, prompts, stage, seeds[: batch.enlarged])
                yield from self._files(batch, made, seeds, scale)

    def _files(self, batch: Batch, made: Made, seeds: Sequence[int], scale: int) -> Iterator[tuple[Sample, bytes]]:
        for number, frames_THWC in enumerate(made.frames):
            chosen = batch.chosen[number]
            suffix, media = data.encode(
                frames_THWC,
                None if made.wave is None else made.wave[number],
                fps=self.config.formats.fps,
                sample_rate_hz=self.config.formats.sample_rate_hz,
                constant_rate_factor=self.config.constant_rate_factor,
            )
            name = batch.names[number] + (f"-x{scale}" if scale > 1 else "")
            yield (
                Sample(
                    sample_id=name,
                    task=chosen.name,
                    format=batch.fmt.name,
                    prompt=chosen.prompt,
                    clip_id=self.clips[chosen.row].clip_id if chosen.row >= 0 else "",
                    seed=seeds[number],
                    stage="base" if scale == 1 else "super_resolution",
                    unseen=chosen.unseen,
                    attributes=chosen.attributes,
                    given_frames=given_frames(batch.task, self.config),
                    region=region_of(batch.task, self.config),
                    path=f"media/{name}{suffix}",
                ),
                media,
            )
