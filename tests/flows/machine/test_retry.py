from threading import Event

import pytest

from components.common import errors
from flows.machine.processes import Interrupted
from flows.machine.retry import with_retries


class Failing:
    """Fails a number of times, then answers."""

    def __init__(self, failures: int, error: Exception):
        self.left, self.error, self.calls = failures, error, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return "answer"


def test_a_temporary_failure_is_tried_again():
    call = Failing(2, errors.Retryable("busy"))
    assert with_retries(call, Event(), (0.0, 0.0)) == "answer"
    assert call.calls == 3


def test_the_last_failure_is_raised_after_all_retries():
    call = Failing(3, errors.Retryable("busy"))
    with pytest.raises(errors.Retryable, match="busy"):
        with_retries(call, Event(), (0.0, 0.0))
    assert call.calls == 3


def test_a_permanent_failure_is_not_tried_again():
    call = Failing(1, ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        with_retries(call, Event(), (0.0, 0.0))
    assert call.calls == 1


def test_a_stop_ends_the_wait():
    stopping = Event()
    stopping.set()
    call = Failing(1, errors.Retryable("busy"))
    with pytest.raises(Interrupted):
        with_retries(call, stopping, (60.0,))
    assert call.calls == 1
