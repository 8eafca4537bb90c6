"""A model's flat metrics -> figures to print; `NAME_chance` and `NAME_n` are shown beside NAME, not as figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.common.pages.measure_names import readable
from components.evaluate.records import Score
from components.report.ops import bars

BESIDE = ("chance", "n")


@dataclass(frozen=True)
class Figure:
    """One number; a share whose chance level is known is drawn as well."""

    title: str
    value: float
    chance: float | None
    n: int | None
    bar: bars.ScoreBar | None


def figures(metrics: Mapping[str, float]) -> tuple[Figure, ...]:
    """Gather metrics in their order, names spelled out."""
    found = []
    for name, value in metrics.items():
        owner, _, suffix = name.rpartition("_")
        if suffix in BESIDE and owner in metrics:
            continue
        chance, n = metrics.get(f"{name}_chance"), metrics.get(f"{name}_n")
        found.append(Figure(readable(name), value, chance, None if n is None else int(n), _bar(name, value, chance)))
    return tuple(found)


def _bar(name: str, value: float, chance: float | None) -> bars.ScoreBar | None:
    if chance is None or not 0 <= value <= 1:
        return None
    nothing = dict.fromkeys(("low", "high", "baseline", "baseline_name", "reconstruction_ceiling", "real_ceiling"))
    return bars.bar(Score(name, "", value, chance=chance, n=0, unit="share", better="higher", **nothing))
