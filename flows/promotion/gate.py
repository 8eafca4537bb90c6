"""Promotion gate: scores of a candidate and of the champion -> verdicts.

Both are scored on the same prompts with the same seeds and judge, so they are compared per sample: the gain of a
measure is the mean difference over samples, signed so that positive is better, with its 95 % bootstrap interval. A
candidate passes if the gain of every measure in `better` is significant, no measure in `not_worse` has a significant
loss, and the `floors` hold; the floors alone decide if there is no champion. Measures are named as in metrics.json,
`task/name`.
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

SECTION = "gate"  # section of params.yaml; no stage reads it
DRAWS = 2000
Rule = Literal["better", "not worse", "floor"]


@dataclass(frozen=True)
class Gate:
    """Rules of the gate: measures by name."""

    better: list[str]
    """Measures, `task/name`, that a candidate must gain on beyond their noise."""
    not_worse: list[str]
    """Measures that a candidate must not lose on beyond their noise."""
    floors: dict[str, float]
    """Measure -> minimum; the maximum if lower is better."""

    def __post_init__(self) -> None:
        if not (self.better or self.not_worse or self.floors):
            raise ValueError("gate: without a measure every candidate would pass: name at least one")


@dataclass(frozen=True)
class RuleVerdict:
    """Verdict of one rule. `low` and `high` bound the gain, which is positive if the candidate is better."""

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
    def text(self) -> str:
        """The rule and the values, in one line."""
        sign = "ok" if self.passed else "NO"
        if self.rule == "floor":
            return f"{sign:<3}{self.measure}: {self.candidate:.4g}, the floor is {self.bound:.4g}"
        found = f"{self.champion:.4g} → {self.candidate:.4g}, gain {self.gain:+.3g} [{self.low:+.3g}, {self.high:+.3g}]"
        return f"{sign:<3}{self.measure}: {found}, must be {self.rule}"


@dataclass(frozen=True)
class EvaluationScores:
    """Output of stage `evaluate` for one set of models."""

    means: Mapping[str, float]
    samples: Mapping[str, Mapping[str, float]]  # measure -> sample -> value
    less_is_better: frozenset[str]

    @classmethod
    def read(cls, folder: Path) -> "EvaluationScores":
        """Read the output of stage `evaluate`; raises ValueError if there is none."""
        if not (folder / "scores.json").is_file():
            raise ValueError(f"{folder} has no scores: run `videopoet run evaluate`")
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
        """Return the measure's mean; raises ValueError if it was not measured."""
        if measure not in self.means:
            near = ", ".join(sorted(name for name in self.means if name.split("/")[0] == measure.split("/")[0]))
            raise ValueError(f"gate: `{measure}` was not measured; available for this task: {near or 'none'}")
        return self.means[measure]


def of(sections: Mapping[str, Any]) -> Gate:
    """Parse the gate of a parameter file; raises ValueError for invalid settings."""
    gate: Gate = params.typed(Gate, params.section_of(sections, SECTION), SECTION)
    return gate


def verdicts(gate: Gate, candidate: EvaluationScores, champion: EvaluationScores | None) -> list[RuleVerdict]:
    """Return the verdict of every rule.

    Raises ValueError for a measure that was not measured, or not per sample, or not on the same samples.
    """
    found = list(_floors(gate, candidate))
    if champion:
        rules: tuple[tuple[Rule, list[str]], ...] = (("better", gate.better), ("not worse", gate.not_worse))
        found += [_compared(measure, rule, candidate, champion) for rule, measures in rules for measure in measures]
    return found


def _floors(gate: Gate, candidate: EvaluationScores) -> Iterator[RuleVerdict]:
    for measure, bound in gate.floors.items():
        value = candidate.mean(measure)
        passed = value <= bound if measure in candidate.less_is_better else value >= bound
        yield RuleVerdict(measure, "floor", passed, value, None, None, None, None, bound)


def _compared(measure: str, rule: Rule, candidate: EvaluationScores, champion: EvaluationScores) -> RuleVerdict:
    new, old = (scores.samples.get(measure, {}) for scores in (candidate, champion))
    means = candidate.mean(measure), champion.mean(measure)
    if not new:
        raise ValueError(f"gate: `{measure}` is one number for all samples, so its noise is unknown: use a floor")
    if new.keys() != old.keys():
        raise ValueError(f"gate: `{measure}` was not measured on the same samples: score the champion again")
    sign = -1 if measure in candidate.less_is_better else 1
    gains = sign * np.array([new[sample] - old[sample] for sample in sorted(new)])
    draws = np.random.default_rng(seed_of(0, "gate", measure)).integers(len(gains), size=(DRAWS, len(gains)))
    low, high = np.quantile(gains[draws].mean(axis=1), [0.025, 0.975])
    passed = bool(low > 0 if rule == "better" else high >= 0)
    return RuleVerdict(measure, rule, passed, *means, float(gains.mean()), float(low), float(high), None)
