"""step -> which task on which format: alternating gradient descent.

Every step takes one (task, format) group, so its sequences are equally long and nothing is padded (paper, §4.2). The
choice is a pure function of the seed and the step; a clip of a task is drawn by its weight, whatever its format.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.common.random import seed_of
from components.common.weighted_sampler import WeightedSampler
from components.language_model.config import Mix
from components.language_model.data import Draw, Rows, Source
from components.language_model.model import Batch
from components.language_model.sequence import layout
from components.language_model.tasks import TASKS, Task


@dataclass(frozen=True)
class Choice:
    """The sequences of one step."""

    draw: Draw
    rows: Rows
    without_text: NDArray[np.bool_]


class Mixture:
    """The training mix over one source."""

    def __init__(self, mix: Mix, source: Source, *, seed: int, batch_tokens: int):
        self.mix, self.source, self.seed, self.batch_tokens = mix, source, seed, batch_tokens
        self.rows = {name: self._qualifying(TASKS[name]) for name in sorted(mix.tasks)}
        self.places = {
            task: {name: WeightedSampler(source.groups[name].weight[rows]) for name, rows in groups.items()}
            for task, groups in self.rows.items()
        }
        self.weights = {media: self._weights(media) for media in ("image", "video")}
        for media, share in (("image", mix.image_share), ("video", 1 - mix.image_share)):
            if share > 0 and not self.weights[media]:
                raise ValueError(f"mix: no clip qualifies for any {media} task of {sorted(mix.tasks)}")

    def _qualifying(self, task: Task) -> dict[str, Rows]:
        found = {name: self.source.rows(task, name) for name in self.source.groups}
        return {name: rows for name, rows in found.items() if len(rows)}

    def _weights(self, media: str) -> dict[str, float]:
        """Shares of the tasks that have clips."""
        weights = {name: weight for name, weight in self.mix.weights(media).items() if self.rows[name]}
        return {name: weight / sum(weights.values()) for name, weight in weights.items()}

    def unused(self) -> list[str]:
        """Tasks of the mix that no clip qualifies for."""
        return [name for name, rows in self.rows.items() if not rows]

    def choice(self, step: int) -> Choice:
        """Choose task, format and clips of a step."""
        random = np.random.default_rng(seed_of(self.seed, "mixture", step))
        media: Literal["image", "video"] = "image" if random.random() < self.mix.image_share else "video"
        task = TASKS[_pick(random, self.weights[media])]
        places = self.places[task.name]
        group = _pick(random, {name: found.weight for name, found in places.items()})
        draw = settle(random, task, self.source, group, self.mix.first_frame_share)
        sequences = self.sequences(draw)
        chosen = self.rows[task.name][group][places[group].draw(random, sequences, once=True)]
        return Choice(draw, chosen, random.random(sequences) < self.mix.text_dropout)

    def sequences(self, draw: Draw) -> int:
        """How many sequences a batch holds: as many as fit, so that image batches have more of them than video ones."""
        facts = self.source.facts
        plan = layout(draw.task, facts.shapes[draw.group], draw.given, facts.text_tokens, facts.vocabulary)
        return max(1, self.batch_tokens // plan.tokens)

    def batch(self, step: int, rank: int, world: int) -> Batch:
        """Read this device's share of a step's sequences; every device must get at least one."""
        choice = self.choice(step)
        if len(choice.rows) < world:
            raise ValueError(f"optimization.global_batch_tokens gives {len(choice.rows)} sequences for {world} devices")
        return self.source.batch(choice.draw, choice.rows[rank::world], choice.without_text[rank::world])


def settle(random: np.random.Generator, task: Task, source: Source, group: str, first_frame_share: float) -> Draw:
    """Choose what a task leaves open: how many frames are given, which region is hidden."""
    frames = source.facts.shapes[group].latent[0]
    match task.frames:
        case "none":
            given = int(task.structure and random.random() < first_frame_share)
        case "first":
            given = 1
        case "any":
            given = int(random.integers(1, frames))
        case "whole":
            given = frames
    region = "" if task.masked == "none" else str(random.choice(source.regions(task, group)))
    return Draw(task, group, given, region)


def _pick(random: np.random.Generator, weights: dict[str, float]) -> str:
    return list(weights)[int(WeightedSampler(np.array(list(weights.values()))).draw_independent(random, 1)[0])]
