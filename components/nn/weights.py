"""A model as files: `model.safetensors` and the `config.json` that its architecture is built from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def save(folder: Path, module: nn.Module, config: Mapping[str, Any]) -> None:
    """Write a module's weights and its architecture; equal weights are equal bytes."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(dict(config), indent=1, sort_keys=True) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """Read the architecture; raises ValueError if the folder holds no model."""
    path = folder / CONFIG
    if not path.is_file():
        raise ValueError(f"{folder} holds no model (no {CONFIG}): run the stage that trains it")
    values: dict[str, Any] = json.loads(path.read_text())
    return values


def load_into(module: nn.Module, folder: Path) -> None:
    """Load weights, every name matching, and put the module into evaluation without gradients."""
    module.load_state_dict(load_file(folder / WEIGHTS))
    module.eval().requires_grad_(False)
