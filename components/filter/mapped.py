"""Large arrays in files of the scratch folder, so that the system can reclaim their memory.

The files have no name: they disappear with the arrays, or with the process.
"""

import os
from collections.abc import Iterable
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt

from components.common import runtime


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a new array. A full disk raises OSError here rather than a signal at the first write."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not size:
        return np.empty(shape, dtype)
    scratch = runtime.current().scratch
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=scratch) as file:
        os.posix_fallocate(file.fileno(), 0, size)
        return np.asarray(np.memmap(file, dtype, "r+", shape=shape))


def stacked(rows: Iterable[npt.NDArray[np.uint8]], count: int, width: int) -> npt.NDArray[np.uint8]:
    """Stack `count` rows into a (count, width) array, one at a time."""
    written = empty((count, width), np.uint8)
    for number, row in enumerate(rows):
        written[number] = row
    return written
