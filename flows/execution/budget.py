"""GPU-hours that one run may take.

What a stage will take is what it took in the newest record in which it held GPUs (`runs.estimate`). Before the run
begins, and before each of its stages, the predictions must fit into what is left; while stages run, what they take is
counted, and they are stopped in good order as soon as what is left would not cover their time to do so. So a budget
holds also where a prediction is wrong, or where there is none: a stage that no record knows counts for nothing in
advance, which is said. A try that failed counts like one that did not.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

HOUR_S = 3600.0
GO_ON = "`videopoet run` goes on from here, with a new budget"


class OverBudget(ValueError):
    """More GPU-hours would be needed than there are."""


@dataclass(frozen=True)
class Needs:
    """What a stage holds while it runs."""

    gpus: int
    grace_s: float  # to stop in good order


@dataclass(frozen=True)
class Demand:
    """What a stage asks of a budget."""

    predicted_gpu_s: float | None  # None if no record tells
    reserve_gpu_s: float  # while it stops

    @property
    def gpu_s(self) -> float:
        """What must be left for it."""
        return max(self.predicted_gpu_s or 0.0, self.reserve_gpu_s)


class Budget:
    """The GPU-seconds of one run. Any thread may call."""

    def __init__(self, hours: float, demands: Mapping[str, Demand]):
        self._most_s, self._demands = hours * HOUR_S, demands
        self._spent_s = 0.0
        self._running: dict[str, Callable[[], float]] = {}
        self._guard = threading.Lock()
        self.used_up = ""  # once it is, why

    def begin(self, names: Iterable[str], line: Callable[[str], None]) -> None:
        """Raise OverBudget if what stages `names` will take is too much; `line` is told where no record tells that."""
        asked = {name: self._demands[name].predicted_gpu_s for name in names}
        predicted_s = sum(predicted or 0.0 for predicted in asked.values())
        if unknown := [name for name, predicted in asked.items() if predicted is None]:
            line(
                f"no record tells what GPU-hours they take, so the budget is watched as they run: {', '.join(unknown)}"
            )
        if predicted_s > self._most_s:
            raise OverBudget(
                f"the run would take {_hours(predicted_s)} by the records of past runs, the budget is "
                f"{_hours(self._most_s)}: raise --max-gpu-hours, or name fewer stages"
            )

    @contextmanager
    def taking(self, name: str, taken: Callable[[], float]) -> Iterator[None]:
        """Run a stage within the block, `taken` tells what it has taken; raises OverBudget if too little is left."""
        with self._guard:
            needed_s, spent_s = self._demands[name].gpu_s, self._spent()
            promised_s = sum(self._left_of(one) for one in self._running)
            if spent_s + promised_s + needed_s > self._most_s:
                others = f", {_hours(promised_s)} are promised to stages that run" if promised_s else ""
                raise OverBudget(
                    f"{name} was not started: it needs {_hours(needed_s)}; of the budget of {_hours(self._most_s)}, "
                    f"{_hours(spent_s)} are spent{others}. {GO_ON}"
                )
            self._running[name] = taken
        try:
            yield
        finally:
            with self._guard:
                self._spent_s += self._running.pop(name)()

    def look(self) -> bool:
        """Whether what runs must be stopped now, lest more is taken; said once."""
        with self._guard:
            if self.used_up:
                return False
            spent_s = self._spent()
            reserve_s = sum(self._demands[name].reserve_gpu_s for name in self._running)
            if spent_s and spent_s + reserve_s >= self._most_s:
                self.used_up = (
                    f"stopped in good order: {_hours(spent_s)} of the budget of {_hours(self._most_s)} are spent, and "
                    f"stopping {', '.join(self._running)} may take {_hours(reserve_s)}. {GO_ON}"
                )
            return bool(self.used_up)

    def _spent(self) -> float:
        return self._spent_s + sum(taken() for taken in self._running.values())

    def _left_of(self, name: str) -> float:
        demand = self._demands[name]
        return max((demand.predicted_gpu_s or 0.0) - self._running[name](), demand.reserve_gpu_s)


def demands(needs: Mapping[str, Needs], predicted: Mapping[str, float]) -> dict[str, Demand]:
    """What each stage asks for; `predicted` lacks those that no record tells of."""
    return {
        name: Demand(predicted.get(name) if one.gpus else 0.0, one.gpus * one.grace_s) for name, one in needs.items()
    }


def _hours(gpu_s: float) -> str:
    return f"{gpu_s / HOUR_S:,.3g} GPU-hours"
