"""Metrics and files of a stage to MLflow, or to nowhere if no run is tracked.

A tracking server that fails never fails a stage: the first error is printed, and tracking stops.
"""

import sys
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any


class Tracker:
    """A tracker that does nothing; the base of the one for MLflow."""

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Log metrics at a step."""

    def file(self, path: Path) -> None:
        """Store a copy of a file, such as an image."""


class MlflowTracker(Tracker):
    """A tracker that logs to one existing MLflow run."""

    def __init__(self, uri: str, run_id: str):
        self._uri, self._run_id, self._silent = uri, run_id, False

    @cached_property
    def _client(self) -> Any:
        from mlflow import MlflowClient  # 2 s to import: only when there is something to log

        return MlflowClient(tracking_uri=self._uri)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Log metrics at a step."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        metrics = [Metric(name, float(value), now_ms, step) for name, value in sorted(values.items())]
        self._send(lambda: self._client.log_batch(self._run_id, metrics=metrics))

    def file(self, path: Path) -> None:
        """Store a copy of a file among the run's artifacts."""
        self._send(lambda: self._client.log_artifact(self._run_id, str(path)))

    def _send(self, call: Callable[[], object]) -> None:
        if self._silent:
            return
        try:
            call()
        except Exception as error:  # a tracking store may fail in any way, and none of them may cost a training run
            self._silent = True
            print(f"tracking stopped: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
