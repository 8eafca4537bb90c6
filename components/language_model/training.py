"""One step of the language model on one (task, format) group, and what the next phase needs to go on.

The optimizer's moments and its step travel with the model, so two phases are one training that changes its mix.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from components.language_model.config import Optimization
from components.language_model.mixture import Mixture
from components.language_model.model import Batch, Model
from components.nn.schedules import set_learning_rate, warmup_cosine

STATE = "training_state.safetensors"
MOMENTS = ("exp_avg", "exp_avg_sq")


class Training:
    """AdamW on a mixture of tasks."""

    def __init__(self, model: Model, mixture: Mixture, optimization: Optimization):
        self.mixture, self.optimization = mixture, optimization
        self.modules: dict[str, nn.Module] = {"model": model}
        self.optimizers: dict[str, Optimizer] = {"model": new_optimizer(model, optimization)}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        """The sequences of a step."""
        return self.mixture.batch(step, rank, world)

    def step(self, fabric: Fabric, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """Learn from one batch; returns the loss, and the losses of the modalities in it."""
        chosen, optimizer = self.optimization, self.optimizers["model"]
        rate = warmup_cosine(
            step,
            steps=chosen.schedule_steps,
            warmup_steps=chosen.warmup_steps,
            peak=chosen.learning_rate,
            floor=chosen.final_learning_rate,
        )
        set_learning_rate(optimizer, rate)
        with torch.autocast(fabric.device.type, torch.bfloat16, enabled=chosen.precision == "bfloat16"):
            losses: dict[str, Tensor] = self.modules["model"](batch.to(fabric.device))
        if fabric.world_size > 1:
            weight = _weight(fabric, len(batch.ids))
            losses = {name: loss * weight for name, loss in losses.items()}
        fabric.backward(losses["loss"])
        norm = nn.utils.clip_grad_norm_(self.modules["model"].parameters(), chosen.clip_norm)
        move_moments(optimizer)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return {name: loss.detach() for name, loss in losses.items()} | {"gradient_norm": norm}


def _weight(fabric: Fabric, sequences: int) -> Tensor:
    """What makes the mean over processes, of which some have a sequence more, the mean over all sequences."""
    total = fabric.all_reduce(torch.tensor(float(sequences), device=fabric.device), reduce_op="mean")
    return sequences / cast(Tensor, total)


def new_optimizer(model: Model, optimization: Optimization) -> Optimizer:
    """AdamW that decays the matrices of the blocks, and neither tables of vectors nor gains."""
    matrices = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)}
    decayed = [parameter for parameter in model.parameters() if id(parameter) in matrices]
    others = [parameter for parameter in model.parameters() if id(parameter) not in matrices]
    groups = [
        {"params": decayed, "weight_decay": optimization.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=optimization.learning_rate, betas=(0.9, optimization.beta2), fused=True)


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
