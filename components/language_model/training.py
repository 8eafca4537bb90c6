"""One step of the language model on one (task, format) group, and what the next phase needs to continue.

The optimizer's moments and its step travel with the model, so two phases are one training that changes its mix.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from components.common.fit.optimizer import adamw, decayed_matrices, optimizer_step
from components.common.fit.strategy import Strategy
from components.language_model.config import PhaseOptimization
from components.language_model.mixture import Mixture
from components.language_model.model import Batch, Model

STATE = "training_state.safetensors"
MOMENTS = ("exp_avg", "exp_avg_sq")


class Training:
    """AdamW on a mixture of tasks."""

    def __init__(self, model: Model, mixture: Mixture, optimization: PhaseOptimization):
        self.mixture, self.optimization = mixture, optimization
        self.modules: dict[str, nn.Module] = {"model": model}
        self.optimizers: dict[str, Optimizer] = {
            "model": adamw(decayed_matrices(model, optimization.weight_decay), optimization, fused=True)
        }

    def batch(self, step: int, rank: int, world: int) -> Batch:
        """Draw the sequences of a step."""
        return self.mixture.batch(step, rank, world)

    def step(self, strategy: Strategy, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """Learn from one batch; returns the loss, and the losses of the modalities in it."""
        chosen, optimizer = self.optimization, self.optimizers["model"]
        with torch.autocast(strategy.device.type, torch.bfloat16, enabled=chosen.precision == "bfloat16"):
            losses: dict[str, Tensor] = self.modules["model"](batch.to(strategy.device))
        if strategy.world > 1:
            weight = _weight(strategy, len(batch.ids))
            losses = {name: loss * weight for name, loss in losses.items()}
        move_moments(optimizer)
        norm = optimizer_step(strategy, self.modules["model"], optimizer, losses["loss"], chosen, step)
        return {name: loss.detach() for name, loss in losses.items()} | {"gradient_norm": norm}


def _weight(strategy: Strategy, sequences: int) -> Tensor:
    """Return the weight by which a mean over processes with unequal batches is the mean over all sequences."""
    return sequences / strategy.mean(torch.tensor(float(sequences), device=strategy.device))


def move_moments(optimizer: Optimizer) -> None:
    """Bring moments that were read from a file to where their parameters are by now."""
    for parameter, state in optimizer.state.items():
        if state and state["exp_avg"].device != parameter.device:
            for name, value in state.items():
                state[name] = value.to(parameter.device)


def save_state(folder: Path, model: Model, optimizer: Optimizer, step: int) -> None:
    """Write the optimizer's moments, by parameter name, and the number of steps done."""
    tensors = {"step": torch.tensor(step)}
    for name, parameter in model.named_parameters():
        if state := optimizer.state.get(parameter):
            tensors |= {f"{moment}.{name}": state[moment].detach().cpu().contiguous() for moment in MOMENTS}
            tensors[f"step.{name}"] = state["step"].detach().cpu()
    save_file(tensors, folder / STATE)


def load_state(folder: Path, model: Model, optimizer: Optimizer) -> int:
    """Read what `save_state` wrote; returns the number of steps done."""
    tensors = load_file(folder / STATE)
    for name, parameter in model.named_parameters():
        if f"step.{name}" in tensors:
            optimizer.state[parameter] = {field: tensors[f"{field}.{name}"] for field in ("step", *MOMENTS)}
    return int(tensors["step"])
