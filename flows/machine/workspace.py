"""A checkout and the untracked folder `.videopoet` in it, where everything that is not an artefact lives.

Nothing here is ever an input of a stage: deleting `.videopoet` costs time (checkpoints, caches) and memories (records,
tracking), never a result.
"""

import os
from dataclasses import dataclass
from pathlib import Path

GRAPH, PARAMS, CONSTRAINTS = "dvc.yaml", "params.yaml", "constraints.txt"
FINETUNE = "finetune"  # the folder where fine-tunes work, a checkout of its own


@dataclass(frozen=True)
class Workspace:
    """Where things lie in one checkout."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "Workspace":
        """The checkout that `start` (the current folder if None) lies in; raises ValueError outside of any."""
        start = (start or Path.cwd()).absolute()
        for folder in (start, *start.parents):
            if (folder / GRAPH).is_file():
                return cls(folder)
        raise ValueError(f"{start} is in no checkout of the pipeline: change to the folder that holds {GRAPH}")

    @property
    def home(self) -> Path:
        """The untracked folder, made on first use."""
        folder = self.root / ".videopoet"
        folder.mkdir(exist_ok=True)
        return folder

    def folder(self, name: str) -> Path:
        """A folder in `home`, made on first use: scratch, cache, runs, logs, code, stages, reproduce, …"""
        folder = self.home / name
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def roots(self) -> Path:
        """JSON: alias -> folder of a user's own media."""
        return self.home / "roots.json"

    @property
    def tracking_uri(self) -> str:
        """The MLflow store: MLFLOW_TRACKING_URI where it is set, SQLite in `home` otherwise."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.home / 'mlflow.db'}"


def enter() -> Workspace:
    """Find the checkout and make its root the current folder, where all paths of the graph start."""
    workspace = Workspace.find()
    os.chdir(workspace.root)
    return workspace
