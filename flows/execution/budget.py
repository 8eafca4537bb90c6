"""GPU-hour budget of one run.

The prediction for a stage is its usage in the newest record in which it held GPUs (`runs.estimate`). Before the run and
before each stage, the predictions must fit into the remaining budget. While stages run, their usage is counted, and
they are stopped gracefully as soon as the remainder would no longer cover their shutdown. So the budget holds even if a
prediction is wrong or missing; a stage without a record counts as 0 in advance, and a message says so. Failed tries
count like successful ones.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

HOUR_S = 3600.0
RESUME = "`videopoet run` resumes from here, with a new budget"


class OverBudget(ValueError):
    """The run needs more GPU-hours than the budget has."""


@dataclass(frozen=True)
class ResourceNeeds:
    """Resources that a stage holds while it runs."""

    gpus: int
    grace_s: float  # for a graceful stop


@dataclass(frozen=True)
class Demand:
    """Demand of a stage on the budget."""

    predicted_gpu_s: float | None  # None without a record
    reserve_gpu_s: float  # for its shutdown

    @property
    def gpu_s(self) -> float:
        """GPU-seconds that must remain for the stage to start."""
        return max(self.predicted_gpu_s or 0.0, self.reserve_gpu_s)


class Budget:
    """The GPU-seconds of one run. Any thread may call."""

    def __init__(self, hours: float, demands: Mapping[str, Demand]):
        self._most_s, self._demands = hours * HOUR_S, demands
        self._spent_s = 0.0
        self._running: dict[str, Callable[[], float]] = {}
        self._guard = threading.Lock()
        self.used_up = ""  # the message, once the budget is used up

    def begin(self, names: Iterable[str], line: Callable[[str], None]) -> None:
        """Raise OverBudget if the predictions for stages `names` exceed the budget.

        `line` gets a message about stages without a record.
        """
        asked = {name: self._demands[name].predicted_gpu_s for name in names}
        predicted_s = sum(predicted or 0.0 for predicted in asked.values())
        if unknown := [name for name, predicted in asked.items() if predicted is None]:
            line(f"no record of their GPU-hours, so the budget is checked while they run: {', '.join(unknown)}")
        if predicted_s > self._most_s:
            raise OverBudget(
                f"the run would take {_hours(predicted_s)} according to past runs, but the budget is "
                f"{_hours(self._most_s)}: raise --max-gpu-hours, or name fewer stages"
            )

    @contextmanager
    def taking(self, name: str, taken: Callable[[], float]) -> Iterator[None]:
        """Count a stage against the budget within the block; `taken` returns its GPU-seconds so far.

        Raises OverBudget if the remaining budget is too small.
        """
        with self._guard:
            needed_s, spent_s = self._demands[name].gpu_s, self._spent()
            promised_s = sum(self._left_of(one) for one in self._running)
            if spent_s + promised_s + needed_s > self._most_s:
                others = f", {_hours(promised_s)} are reserved for running stages" if promised_s else ""
                raise OverBudget(
                    f"{name} was not started: it needs {_hours(needed_s)}; of the budget of {_hours(self._most_s)}, "
                    f"{_hours(spent_s)} are spent{others}. {RESUME}"
                )
            self._running[name] = taken
        try:
            yield
        finally:
            with self._guard:
                self._spent_s += self._running.pop(name)()

    def must_stop(self) -> bool:
        """Return True, once, if the running stages must stop now to stay within the budget."""
        with self._guard:
            if self.used_up:
                return False
            spent_s = self._spent()
            reserve_s = sum(self._demands[name].reserve_gpu_s for name in self._running)
            if spent_s and spent_s + reserve_s >= self._most_s:
                self.used_up = (
                    f"stopped gracefully: {_hours(spent_s)} of the budget of {_hours(self._most_s)} are spent, and "
                    f"stopping {', '.join(self._running)} may take {_hours(reserve_s)}. {RESUME}"
                )
            return bool(self.used_up)

    def _spent(self) -> float:
        return self._spent_s + sum(taken() for taken in self._running.values())

    def _left_of(self, name: str) -> float:
        demand = self._demands[name]
        return max((demand.predicted_gpu_s or 0.0) - self._running[name](), demand.reserve_gpu_s)


def demands(needs: Mapping[str, ResourceNeeds], predicted: Mapping[str, float]) -> dict[str, Demand]:
    """Return the demand of each stage; `predicted` lacks stages without a record."""
    return {
        name: Demand(predicted.get(name) if one.gpus else 0.0, one.gpus * one.grace_s) for name, one in needs.items()
    }


def _hours(gpu_s: float) -> str:
    return f"{gpu_s / HOUR_S:,.3g} GPU-hours"
