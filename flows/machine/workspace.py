"""A checkout and its untracked folder `.videopoet`, which holds everything that is not an artifact.

Nothing in it is an input of a stage: deleting `.videopoet` costs time (checkpoints, caches) and history (records,
tracking), never a result.
"""

import os
from dataclasses import dataclass
from pathlib import Path

GRAPH, PARAMS, CONSTRAINTS = "dvc.yaml", "params.yaml", "constraints.txt"
FINETUNE = "finetune"  # folder of the separate checkout for fine-tuning


@dataclass(frozen=True)
class Workspace:
    """Paths of one checkout."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "Workspace":
        """Return the checkout around `start` (default: the current folder); raises ValueError if there is none."""
        start = (start or Path.cwd()).absolute()
        for folder in (start, *start.parents):
            if (folder / GRAPH).is_file():
                return cls(folder)
        raise ValueError(f"{start} is not in a checkout of the pipeline: change to the folder that holds {GRAPH}")

    @property
    def home(self) -> Path:
        """The untracked folder, created on first use."""
        folder = self.root / ".videopoet"
        folder.mkdir(exist_ok=True)
        return folder

    def folder(self, name: str) -> Path:
        """Return a folder in `home`, created on first use: scratch, cache, runs, logs, code, stages, reproduce."""
        folder = self.home / name
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def roots(self) -> Path:
        """JSON: alias -> folder of a user's own media."""
        return self.home / "roots.json"

    @property
    def tracking_uri(self) -> str:
        """The MLflow store: MLFLOW_TRACKING_URI if set, otherwise SQLite in `home`."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.home / 'mlflow.db'}"


def enter() -> Workspace:
    """Find the checkout and change to its root, to which all paths of the graph are relative."""
    workspace = Workspace.find()
    os.chdir(workspace.root)
    return workspace
