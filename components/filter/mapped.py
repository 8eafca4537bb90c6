"""Large arrays in files of the scratch folder: the machine takes their memory back where it needs it for others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from components.common import runtime
from components.filter.search import Space


@contextmanager
def space() -> Iterator[Space]:
    """Give new arrays, which last as long as the block. Too little disk is an OSError at once, not a signal later."""
    scratch = runtime.current().scratch
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch) as folder:
        numbers = count()

        def new(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            if not size:
                return np.empty(shape, dtype)
            path = Path(folder) / str(next(numbers))
            with path.open("w+b") as file:
                os.posix_fallocate(file.fileno(), 0, size)
            return np.asarray(np.memmap(path, dtype, "r+", shape=shape))

        yield new
