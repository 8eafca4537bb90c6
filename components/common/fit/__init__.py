"""The training loop of every model: resume, checkpoints, signals, divergence, progress, curves.

A step is a pure function of the weights and the step number: batches and random draws are seeded by the step, so a run
that is killed at any moment and started again ends with the same bytes as one that was not.
"""

from components.common.fit.history import Diverged, History
from components.common.fit.loop import Training, fit

__all__ = ["Diverged", "History", "Training", "fit"]
