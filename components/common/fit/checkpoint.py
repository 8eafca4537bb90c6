"""The state of a training as one file in the stage's scratch folder, written atomically, read with `weights_only`."""

import os
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim import Optimizer

from components.common.fit.history import History


class Trained(Protocol):
    """All that must survive a kill."""

    modules: dict[str, nn.Module]
    optimizers: dict[str, Optimizer]


def save(path: Path, training: Trained, history: History, step: int) -> None:
    """Write the state after `step` steps; a crash leaves the old file or the new one."""
    state = {
        "step": step,
        "modules": {name: module.state_dict() for name, module in training.modules.items()},
        "optimizers": {name: optimizer.state_dict() for name, optimizer in training.optimizers.items()},
        "history": {"rows": history.rows, "sums": history.sums, "counts": history.counts},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def resume(path: Path, training: Trained, history: History) -> int | None:
    """Load the state if there is one; returns the number of the next step."""
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    for name, module in training.modules.items():
        module.load_state_dict(state["modules"][name])
    for name, optimizer in training.optimizers.items():
        optimizer.load_state_dict(state["optimizers"][name])
    history.rows, history.sums, history.counts = (state["history"][part] for part in ("rows", "sums", "counts"))
    step: int = state["step"]
    print(f"training: resumes at step {step}", flush=True)
    return step
