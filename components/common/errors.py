"""Errors that end a stage, and their exit codes (0 success, 1 a bug of ours).

A `ValueError` is for the user to correct in params.yaml (64); the classes here are for what no parameter can correct.
"""

CONFIGURATION, DATA, RETRY, STOPPED = 64, 65, 75, 143


class DataError(Exception):
    """The data violate a quality gate, or more items failed than `max_error_rate` allows (exit 65)."""


class Retryable(Exception):
    """A transient error, such as a remote that does not answer: the same command may succeed (exit 75)."""


class Stopped(Exception):
    """A signal asked the stage to stop; its checkpoint is written and the same command resumes (exit 143)."""
