"""MLflow: one parent run per pipeline run, one child run per stage that runs.

A training writes its curves into the child; here the child gets its parameters, its measures, a few pictures and clips,
and the hash of what it made. Opened by the first stage that runs, so that a run in which nothing runs leaves no trace.
A store that fails never fails a run: the first fault is logged, and telling stops.
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

from flows.graph.graph import Entry, Stage, flat
from flows.machine.workspace import Workspace

EXPERIMENT = "videopoet"
METRICS = "metrics.json"  # of an output that has any
PARAMS_AT_ONCE, PARAM_LENGTH, METRICS_AT_ONCE = 100, 6000, 1000  # the store's limits
MEDIA_SUFFIXES, MEDIA_OF_EACH, MEDIA_BYTES = (".png", ".mp4"), 4, 5_000_000


class Tracking:
    """The runs of one pipeline run. May be used from any thread."""

    def __init__(self, workspace: Workspace):
        self.uri = workspace.tracking_uri
        self._artifacts = workspace.home / "mlflow"
        self._guard = threading.Lock()
        self._client: Any = None
        self._experiment = self._parent = ""
        self._silent = False

    def start(self, stage: Stage) -> dict[str, str]:
        """Open a child run; returns what the component's environment needs to write to it."""
        run_id = self._tell(lambda: self._create(stage.name, {"mlflow.parentRunId": self._opened()}))
        if run_id:
            self._tell(lambda: self._note_params(run_id, flat(stage.params)))
        return {"VIDEOPOET_TRACKING_URI": self.uri, "VIDEOPOET_RUN_ID": run_id} if run_id else {}

    def finish(self, environment: Mapping[str, str], status: str, entry: Entry | None) -> None:
        """Close a child run as FINISHED, FAILED or KILLED, with what the stage made."""
        if run_id := environment.get("VIDEOPOET_RUN_ID"):
            self._tell(lambda: self._describe(run_id, entry) if entry else None)
            self._tell(lambda: self._client.set_terminated(run_id, status))

    def close(self, status: str, facts: Mapping[str, str]) -> None:
        """Close the parent run, if there is one, with the facts of the whole run."""
        if self._parent:
            for name, value in facts.items():
                self._tell(partial(self._client.set_tag, self._parent, name, value))
            self._tell(lambda: self._client.set_terminated(self._parent, status))

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

    def _note_params(self, run_id: str, values: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        params = [Param(name, str(value)[:PARAM_LENGTH]) for name, value in values.items()]
        for start in range(0, len(params), PARAMS_AT_ONCE):
            self._client.log_batch(run_id, params=params[start : start + PARAMS_AT_ONCE])

    def _describe(self, run_id: str, entry: Entry) -> None:
        from mlflow.entities import Metric

        for path, item in sorted(entry.outs.items()):
            self._client.set_tag(run_id, f"output.{path}", item.md5)
            now_ms = int(time.time() * 1000)
            values = [Metric(name, value, now_ms, 0) for name, value in measures(Path(path)).items()]
            self._client.log_batch(run_id, metrics=values[:METRICS_AT_ONCE])
            for file in media(Path(path)):
                self._client.log_artifact(run_id, str(file), path)

    def _tell(self, call: Callable[[], Any]) -> Any:
        if self._silent:
            return None
        try:
            return call()
        except Exception as error:  # a tracking store may fail in any way, and none of them may cost a training run
            self._silent = True
            logging.getLogger(__name__).warning("MLflow tracking stopped: %s: %s", type(error).__name__, error)
            return None


def measures(folder: Path) -> dict[str, float]:
    """The numbers in an output's metrics.json, by names that MLflow accepts."""
    path = folder / METRICS
    values = json.loads(path.read_text()) if path.is_file() else {}
    return {
        re.sub(r"[^\w\-. /]+", ".", name).strip("."): float(value)
        for name, value in sorted(values.items())
        if isinstance(value, int | float)
    }


def media(folder: Path) -> list[Path]:
    """A few small pictures and clips of an output."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size <= MEDIA_BYTES)
    return [path for suffix in MEDIA_SUFFIXES for path in [f for f in files if f.suffix == suffix][:MEDIA_OF_EACH]]


def client(uri: str) -> Any:
    """MLflow's client for a store; quiet, and without telemetry."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient  # 2 s to import: only when a stage runs

    for name in ("mlflow", "alembic"):  # the import sets their levels
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri)
