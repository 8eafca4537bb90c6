"""MLflow tracking: one parent run per pipeline run, one child run per stage that runs.

A training writes its curves into the child run; this module adds parameters, metrics, some images and clips, and the
hashes of the outputs. The first stage that runs opens the parent, so a run without running stages leaves no entry. A
failing store never fails a run: the first error is logged, and tracking stops.
"""

import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flows.graph.graph import LockEntry, Stage, flat
from flows.machine.workspace import Workspace

EXPERIMENT = "videopoet"
METRICS = "metrics.json"  # file in an output
PARAMS_AT_ONCE, PARAM_LENGTH, METRICS_AT_ONCE = 100, 6000, 1000  # the store's limits
MEDIA_SUFFIXES, MEDIA_OF_EACH, MEDIA_BYTES = (".png", ".mp4"), 4, 5_000_000


class Tracking:
    """The MLflow runs of one pipeline run. Any thread may call."""

    def __init__(self, workspace: Workspace):
        self.uri = workspace.tracking_uri
        self._artifacts = workspace.home / "mlflow"
        self._guard = threading.Lock()
        self._client: Any = None
        self._experiment = self._parent = ""
        self._has_failed = False

    def start(self, stage: Stage) -> dict[str, str]:
        """Open a child run; returns the environment variables by which the component logs to it."""
        run_id = self._try(lambda: self._create(stage.name, {"mlflow.parentRunId": self._opened()}))
        if run_id:
            self._try(lambda: self._log_params(run_id, flat(stage.params)))
        return {"VIDEOPOET_TRACKING_URI": self.uri, "VIDEOPOET_RUN_ID": run_id} if run_id else {}

    def finish(self, environment: Mapping[str, str], status: str, entry: LockEntry | None) -> None:
        """Close a child run as FINISHED, FAILED or KILLED, with the outputs of the stage."""
        if run_id := environment.get("VIDEOPOET_RUN_ID"):
            self._try(lambda: self._describe(run_id, entry) if entry else None)
            self._try(lambda: self._client.set_terminated(run_id, status))

    def close(self, status: str, facts: Mapping[str, str]) -> None:
        """Close the parent run, if there is one, with tags `facts`."""
        if self._parent:
            for name, value in facts.items():
                self._try(partial(self._client.set_tag, self._parent, name, value))
            self._try(lambda: self._client.set_terminated(self._parent, status))

    def _opened(self) -> str:
        with self._guard:
            if self._client is None:
                self._client = client(self.uri)
                self._experiment = self._find_experiment()
                self._parent = self._create("pipeline", {})
        return self._parent

    def _find_experiment(self) -> str:
        if found := self._client.get_experiment_by_name(EXPERIMENT):
            return str(found.experiment_id)
        place = self._artifacts.as_uri() if self.uri.startswith("sqlite:") else None
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=place))

    def _create(self, name: str, tags: Mapping[str, str]) -> str:
        run = self._client.create_run(self._experiment, tags=dict(tags), run_name=name)
        return str(run.info.run_id)

    def _log_params(self, run_id: str, values: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        params = [Param(name, str(value)[:PARAM_LENGTH]) for name, value in values.items()]
        for start in range(0, len(params), PARAMS_AT_ONCE):
            self._client.log_batch(run_id, params=params[start : start + PARAMS_AT_ONCE])

    def _describe(self, run_id: str, entry: LockEntry) -> None:
        from mlflow.entities import Metric

        for path, item in sorted(entry.outs.items()):
            self._client.set_tag(run_id, f"output.{path}", item.md5)
            now_ms = int(time.time() * 1000)
            values = [Metric(name, value, now_ms, 0) for name, value in measures(Path(path)).items()]
            self._client.log_batch(run_id, metrics=values[:METRICS_AT_ONCE])
            for file in media(Path(path)):
                self._client.log_artifact(run_id, str(file), path)

    def _try(self, call: Callable[[], Any]) -> Any:
        if self._has_failed:
            return None
        try:
            return call()
        except Exception as error:  # a tracking store may raise anything, and must not fail a training
            self._has_failed = True
            logging.getLogger(__name__).warning("MLflow tracking stopped: %s: %s", type(error).__name__, error)
            return None


def measures(folder: Path) -> dict[str, float]:
    """Return the numbers in an output's metrics.json, with names that MLflow accepts."""
    path = folder / METRICS
    values = json.loads(path.read_text()) if path.is_file() else {}
    return {
        re.sub(r"[^\w\-. /]+", ".", name).strip("."): float(value)
        for name, value in sorted(values.items())
        if isinstance(value, int | float)
    }


def media(folder: Path) -> list[Path]:
    """Return some small images and clips of an output."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size <= MEDIA_BYTES)
    return [path for suffix in MEDIA_SUFFIXES for path in [f for f in files if f.suffix == suffix][:MEDIA_OF_EACH]]


def client(uri: str) -> Any:
    """Return MLflow's client for a store, without telemetry and info logs."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient  # late: the import takes 2 s

    for name in ("mlflow", "alembic"):  # after the import, which sets their levels
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri)
