"""Large arrays in files of the scratch folder: the machine takes their memory back where it needs it for others.

The files have no name, so they are gone with the arrays, or with the process.
"""

import os
from collections.abc import Iterable, Sequence
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt

from components.common import runtime


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """A new array. Too little disk is an OSError at once, not a signal later."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not size:
        return np.empty(shape, dtype)
    scratch = runtime.current().scratch
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=scratch) as file:
        os.posix_fallocate(file.fileno(), 0, size)
        return np.asarray(np.memmap(file, dtype, "r+", shape=shape))


def stacked(rows: Iterable[npt.NDArray[np.uint8]], count: int, width: int) -> npt.NDArray[np.uint8]:
    """So many rows, as they come: (count, width)."""
    written = empty((count, width), np.uint8)
    for number, row in enumerate(rows):
        written[number] = row
    return written


def joined(
    first_NB: npt.NDArray[np.uint8], second_MB: npt.NDArray[np.uint8], chosen: Sequence[int]
) -> npt.NDArray[np.uint8]:
    """All rows of the first, then those of the second that are chosen."""
    written = empty((len(first_NB) + len(chosen), first_NB.shape[1]), np.uint8)
    written[: len(first_NB)] = first_NB
    for number, row in enumerate(chosen, len(first_NB)):
        written[number] = second_MB[row]
    return written
