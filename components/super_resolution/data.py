"""Reader and writer of a trained super-resolution stage."""

from dataclasses import asdict
from pathlib import Path

from components.common.params import typed
from components.nn import weights
from components.super_resolution.model import Architecture, Model


def save(folder: Path, model: Model) -> None:
    """Write weights and architecture."""
    weights.save(folder, model, asdict(model.architecture))


def load(folder: Path) -> Model:
    """Read a trained stage, ready to sample from; raises ValueError if `folder` holds none."""
    model = Model(typed(Architecture, weights.read_config(folder), str(folder)))
    weights.load_into(model, folder)
    return model
