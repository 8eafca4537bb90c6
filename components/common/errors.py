"""The ways a stage can end other than well, and their exit codes (0 done, 1 a fault of ours).

A `ValueError` is the user's to mend in params.yaml (64); the classes here are for what a parameter cannot mend.
"""

CONFIGURATION, DATA, RETRY, STOPPED = 64, 65, 75, 143


class DataError(Exception):
    """The data break a gate, or more items failed than `max_error_rate` allows (exit 65)."""


class Retryable(Exception):
    """A passing fault, such as a remote that does not answer: the same command may succeed (exit 75)."""


class Stopped(Exception):
    """A signal asked the stage to stop; its checkpoint is written and the same command resumes (exit 143)."""
