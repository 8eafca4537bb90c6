"""How the processes of one training work together: each holds the whole model, and gradients are averaged.

The only module that knows Lightning's Fabric. Several processes stop together, whichever of them was asked to.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from torch.distributed import DistError
from torch.optim import Optimizer

from components.common import runtime
from components.common.errors import Retryable

T = TypeVar("T")


class Strategy:
    """One process among those of a training: its device, and what it exchanges with the others."""

    def __init__(self) -> None:
        machine = runtime.current()
        # a step may leave out parts of a model, such as the head of another modality
        ways = DDPStrategy(find_unused_parameters=True) if machine.processes * machine.nodes > 1 else "auto"
        self._fabric = Fabric(accelerator="auto", strategy=ways, devices=machine.processes, num_nodes=machine.nodes)

    @property
    def device(self) -> torch.device:
        """Device of this process."""
        return self._fabric.device

    @property
    def rank(self) -> int:
        """Number of this process among all of them."""
        return self._fabric.global_rank

    @property
    def world(self) -> int:
        """Number of processes."""
        return self._fabric.world_size

    @property
    def is_first(self) -> bool:
        """True in the process that writes files and reports progress."""
        return self._fabric.is_global_zero

    @contextmanager
    def launched(self) -> Iterator[None]:
        """Join the other processes for a block; raises Retryable if one of them is lost."""
        try:
            self._fabric.launch()
            yield
        except RuntimeError as error:  # torch has no class of its own for it where processes meet by gloo
            if self.world == 1 or not (isinstance(error, DistError) or "gloo" in str(error)):
                raise
            raise Retryable(f"another of the {self.world} processes of this training is gone: {error}") from error

    def set_up(self, modules: dict[str, nn.Module], optimizers: dict[str, Optimizer]) -> None:
        """Replace, in place, modules and optimizers by those that work together with the other processes."""
        for name, module in modules.items():
            trained = any(parameter.requires_grad for parameter in module.parameters())
            modules[name] = self._fabric.setup_module(module) if trained else module.to(self.device)
        for name, optimizer in optimizers.items():
            optimizers[name] = cast(Optimizer, self._fabric.setup_optimizers(optimizer))

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of `loss`, averaged over all processes."""
        self._fabric.backward(loss)

    def clip(self, module: nn.Module, clip_norm: float) -> Tensor:
        """Scale the gradients of `module` down to at most `clip_norm`; returns their norm before."""
        return nn.utils.clip_grad_norm_(module.parameters(), clip_norm)

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over all processes."""
        return cast(Tensor, self._fabric.all_reduce(value, reduce_op="mean")) if self.world > 1 else value

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        return cast(Tensor, self._fabric.all_reduce(value, reduce_op="sum")) if self.world > 1 else value

    def any(self, flag: bool) -> bool:
        """Return True if `flag` is set in any process, so that all leave a loop at the same step."""
        if self.world == 1:
            return flag
        return bool(self._fabric.all_reduce(torch.tensor(float(flag), device=self.device), reduce_op="max"))

    def broadcast(self, value: T) -> T:
        """Return the first process's `value` in all of them."""
        return self._fabric.broadcast(value)

    def barrier(self) -> None:
        """Wait for all processes."""
        self._fabric.barrier()
