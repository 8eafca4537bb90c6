"""The optimizer step of every training: learning rate by the schedule, backward, clip, update."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from components.common.fit.strategy import Strategy
from components.common.optimization import Optimization


def adamw(parameters: Iterable[Any], optimization: Optimization, *, fused: bool = False) -> Optimizer:
    """Return AdamW over parameters, or over groups of them; a group may bring a weight decay of its own.

    `fused` rounds otherwise than the loop over tensors, so it belongs to the numbers of a training.
    """
    return AdamW(
        parameters,
        lr=optimization.learning_rate,
        betas=optimization.betas,
        weight_decay=optimization.weight_decay,
        fused=fused,
    )


def decayed_matrices(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return parameter groups that decay the matrices of linear layers, and neither embeddings nor gains."""
    matrices = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)}
    decayed = [parameter for parameter in model.parameters() if id(parameter) in matrices]
    others = [parameter for parameter in model.parameters() if id(parameter) not in matrices]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def optimizer_step(
    strategy: Strategy, module: nn.Module, optimizer: Optimizer, loss: Tensor, optimization: Optimization, step: int
) -> Tensor:
    """Learn from `loss`; returns the norm of the gradients before they were clipped.

    Gradients that another loss left in the module are dropped first.
    """
    rate = optimization.rate(step)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    strategy.backward(loss)
    norm = strategy.clip(module, optimization.clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm
