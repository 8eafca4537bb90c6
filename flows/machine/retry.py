"""Retries with increasing waits for temporary failures."""

from collections.abc import Callable, Sequence
from threading import Event
from typing import TypeVar

from components.common import errors
from flows.machine.processes import Interrupted

WAITS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 60.0)  # three minutes in total

Result = TypeVar("Result")


def with_retries(call: Callable[[], Result], stopping: Event, waits_s: Sequence[float] = WAITS_S) -> Result:
    """Call until it does not raise `errors.Retryable`, with one retry after each wait.

    Raises the last error if all retries fail, Interrupted as soon as `stopping` is set.
    """
    for wait_s in waits_s:
        try:
            return call()
        except errors.Retryable:
            if stopping.wait(wait_s):
                raise Interrupted from None
    return call()
