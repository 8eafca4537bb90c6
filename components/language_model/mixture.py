"""step -> task, format and clips: alternating gradient descent (paper, §4.2).

Every step trains one (task, format) group, so its sequences have one length and need no padding. The choice is a pure
function of the seed and the step; a clip of a task is drawn by its weight, whatever its format.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.common.random import seed_of
from components.common.weighted_sampler import WeightedSampler
from components.language_model.config import Mix
from components.language_model.data import BatchSpec, Rows, TokenDataset
from components.language_model.model import Batch
from components.language_model.sequence import layout
from components.language_model.tasks import TASKS, Task


@dataclass(frozen=True)
class StepPlan:
    """Sequences of one step."""

    spec: BatchSpec
    rows: Rows
    without_text: NDArray[np.bool_]


class Mixture:
    """Training mixture over one dataset."""

    def __init__(self, mix: Mix, dataset: TokenDataset, *, seed: int, batch_tokens: int):
        self.mix, self.dataset, self.seed, self.batch_tokens = mix, dataset, seed, batch_tokens
        self.rows = {name: self._qualifying(TASKS[name]) for name in sorted(mix.tasks)}
        self.samplers = {
            task: {name: WeightedSampler(dataset.groups[name].weight[rows]) for name, rows in groups.items()}
            for task, groups in self.rows.items()
        }
        self.weights = {media: self._weights(media) for media in ("image", "video")}
        for media, share in (("image", mix.image_share), ("video", 1 - mix.image_share)):
            if share > 0 and not self.weights[media]:
                raise ValueError(f"mix: no clip qualifies for any {media} task of {sorted(mix.tasks)}")

    def _qualifying(self, task: Task) -> dict[str, Rows]:
        found = {name: self.dataset.rows(task, name) for name in self.dataset.groups}
        return {name: rows for name, rows in found.items() if len(rows)}

    def _weights(self, media: str) -> dict[str, float]:
        """Return the shares of the tasks that have clips."""
        weights = {name: weight for name, weight in self.mix.weights(media).items() if self.rows[name]}
        return {name: weight / sum(weights.values()) for name, weight in weights.items()}

    def unused(self) -> list[str]:
        """Return the tasks of the mix that no clip qualifies for."""
        return [name for name, rows in self.rows.items() if not rows]

    def plan(self, step: int) -> StepPlan:
        """Choose the task, format and clips of a step."""
        random = np.random.default_rng(seed_of(self.seed, "mixture", step))
        media: Literal["image", "video"] = "image" if random.random() < self.mix.image_share else "video"
        task = TASKS[_pick(random, self.weights[media])]
        samplers = self.samplers[task.name]
        group = _pick(random, {name: found.weight for name, found in samplers.items()})
        spec = sample_prefix(random, task, self.dataset, group, self.mix.first_frame_share)
        sequences = self.sequences(spec)
        chosen = self.rows[task.name][group][samplers[group].draw(random, sequences, once=True)]
        return StepPlan(spec, chosen, random.random(sequences) < self.mix.text_dropout)

    def sequences(self, spec: BatchSpec) -> int:
        """Return the number of sequences of a batch: as many as fit, so image batches have more of them."""
        tokens = self.dataset.token_spec
        sequence = layout(spec.task, tokens.shapes[spec.group], spec.given, tokens.text_tokens, tokens.vocabulary)
        return max(1, self.batch_tokens // sequence.tokens)

    def batch(self, step: int, rank: int, world: int) -> Batch:
        """Read the sequences of a step that belong to one process; every process must get at least one."""
        plan = self.plan(step)
        if len(plan.rows) < world:
            raise ValueError(f"optimization.global_batch_tokens gives {len(plan.rows)} sequences for {world} devices")
        return self.dataset.batch(plan.spec, plan.rows[rank::world], plan.without_text[rank::world])


def sample_prefix(
    random: np.random.Generator, task: Task, dataset: TokenDataset, group: str, first_frame_share: float
) -> BatchSpec:
    """Draw what a task leaves open: the number of given frames, and the masked region."""
    frames = dataset.token_spec.shapes[group].latent[0]
    match task.frames:
        case "none":
            given = int(task.structure and random.random() < first_frame_share)
        case "first":
            given = 1
        case "any":
            given = int(random.integers(1, frames))
        case "whole":
            given = frames
    region = "" if task.masked == "none" else str(random.choice(dataset.regions(task, group)))
    return BatchSpec(task, group, given, region)


def _pick(random: np.random.Generator, weights: dict[str, float]) -> str:
    return list(weights)[int(WeightedSampler(np.array(list(weights.values()))).draw_independent(random, 1)[0])]
