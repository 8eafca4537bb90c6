"""Scores of a candidate and of the champion -> whether the candidate is better.

Both were scored on the same prompts with the same seeds and judge, so they are compared sample by sample: a measure's
gain is the mean difference over samples, in the direction that is better, with its 95 % bootstrap interval. A candidate
is better if it gains on every measure of `better` beyond its noise, loses on none of `not_worse` beyond its noise, and
keeps the `floors`, which alone decide where there is no champion. A measure is named as in metrics.json, `task/name`.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from components.common import params
from components.common.random import seed_of

SECTION = "gate"  # of params.yaml; no stage reads it
DRAWS = 2000
Rule = Literal["better", "not worse", "floor"]


@dataclass(frozen=True)
class Gate:
    """What decides about a candidate: measures by name."""

    better: list[str]
    """Measures, `task/name`, that a candidate must gain on beyond their noise."""
    not_worse: list[str]
    """Measures that a candidate must not lose on beyond their noise."""
    floors: dict[str, float]
    """Measure -> least value; for a measure of which less is better, the most."""

    def __post_init__(self) -> None:
        if not (self.better or self.not_worse or self.floors):
            raise ValueError("gate: with no measure at all every candidate would pass: name at least one")


@dataclass(frozen=True)
class RuleVerdict:
    """What one rule says. `low` and `high` bound the gain, which is above 0 where the candidate is better."""

    measure: str
    rule: Rule
    passed: bool
    candidate: float
    champion: float | None
    gain: float | None
    low: float | None
    high: float | None
    bound: float | None  # of a floor

    @property
    def words(self) -> str:
        """The rule and what was found, in a line."""
        sign = "ok" if self.passed else "NO"
        if self.rule == "floor":
            return f"{sign:<3}{self.measure}: {self.candidate:.4g}, the floor is {self.bound:.4g}"
        found = f"{self.champion:.4g} → {self.candidate:.4g}, gain {self.gain:+.3g} [{self.low:+.3g}, {self.high:+.3g}]"
        return f"{sign:<3}{self.measure}: {found}, must be {self.rule}"


@dataclass(frozen=True)
class Scores:
    """What stage `evaluate` wrote of one set of models."""

    means: Mapping[str, float]
    samples: Mapping[str, Mapping[str, float]]  # measure -> sample -> value
    less_is_better: frozenset[str]

    @classmethod
    def read(cls, folder: Path) -> "Scores":
        """Read the output of stage `evaluate`; raises ValueError if it is none."""
        if not (folder / "scores.json").is_file():
            raise ValueError(f"{folder} holds no scores: `videopoet run evaluate` makes them")
        scores = {
            f"{score['task']}/{score['name']}": score for score in json.loads((folder / "scores.json").read_text())
        }
        samples: dict[str, dict[str, float]] = {}
        with (folder / "measures.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                samples.setdefault(f"{row['task']}/{row['measure']}", {})[row["sample_id"]] = float(row["value"])
        return cls(
            {name: score["value"] for name, score in scores.items()},
            samples,
            frozenset(name for name, score in scores.items() if score["better"] == "lower"),
        )

    def mean(self, measure: str) -> float:
        """The measure's mean; raises ValueError if it was not measured."""
        if measure not in self.means:
            near = ", ".join(sorted(name for name in self.means if name.split("/")[0] == measure.split("/")[0]))
            raise ValueError(f"gate: `{measure}` was not measured; of this task there are: {near or 'none'}")
        return self.means[measure]


def of(sections: Mapping[str, Any]) -> Gate:
    """The gate of a parameter file; raises ValueError for what is wrong with it."""
    gate: Gate = params.typed(Gate, params.section_of(sections, SECTION), SECTION)
    return gate


def verdicts(gate: Gate, candidate: Scores, champion: Scores | None) -> list[RuleVerdict]:
    """What every rule says of the candidate.

    Raises ValueError for a measure that was not measured, or not sample by sample, or not on the same samples.
    """
    found = list(_floors(gate, candidate))
    if champion:
        rules: tuple[tuple[Rule, list[str]], ...] = (("better", gate.better), ("not worse", gate.not_worse))
        found += [_compared(measure, rule, candidate, champion) for rule, measures in rules for measure in measures]
    return found


def _floors(gate: Gate, candidate: Scores) -> Iterator[RuleVerdict]:
    for measure, bound in gate.floors.items():
        value = candidate.mean(measure)
        passed = value <= bound if measure in candidate.less_is_better else value >= bound
        yield RuleVerdict(measure, "floor", passed, value, None, None, None, None, bound)


def _compared(measure: str, rule: Rule, candidate: Scores, champion: Scores) -> RuleVerdict:
    new, old = (scores.samples.get(measure, {}) for scores in (candidate, champion))
    means = candidate.mean(measure), champion.mean(measure)
    if not new:
        raise ValueError(f"gate: `{measure}` is one number for all samples, so its noise is unknown: make it a floor")
    if new.keys() != old.keys():
        raise ValueError(f"gate: `{measure}` was not measured on the same samples: score the champion again")
    sign = -1 if measure in candidate.less_is_better else 1
    gains = sign * np.array([new[sample] - old[sample] for sample in sorted(new)])
    draws = np.random.default_rng(seed_of(0, "gate", measure)).integers(len(gains), size=(DRAWS, len(gains)))
    low, high = np.quantile(gains[draws].mean(axis=1), [0.025, 0.975])
    passed = bool(low > 0 if rule == "better" else high >= 0)
    return RuleVerdict(measure, rule, passed, *means, float(gains.mean()), float(low), float(high), None)
