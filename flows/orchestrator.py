"""Prefect on one machine: a temporary server with its own home in `.videopoet`.

Where PREFECT_API_URL names a server, that one is used and nothing here applies. Must be called before the first import
of `prefect`, which reads its settings from the environment.
"""

import os
import signal

from flows.processes import mark
from flows.workspace import Workspace

SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "DO_NOT_TRACK": "1",
}


def configure(workspace: Workspace) -> None:
    """Set what the environment does not already say."""
    os.environ.update(mark(workspace.home))  # for the server that Prefect starts
    if "PREFECT_API_URL" not in os.environ:
        for name, value in ({"PREFECT_HOME": str(workspace.folder("prefect"))} | SETTINGS).items():
            os.environ.setdefault(name, value)


def start() -> None:
    """Start the temporary server, deaf to Ctrl-C: it must outlive the run that the key stops, to note how it ended."""
    from prefect.client.orchestration import get_client

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with get_client(sync_client=True) as client:
            client.hello()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
