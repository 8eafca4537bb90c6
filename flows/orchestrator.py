"""Prefect on one machine: a temporary server for one run, or one that serves; each has its own home in `.videopoet`.

Where PREFECT_API_URL names a server, that one is used and nothing here applies. Must be called before the first import
of `prefect`, which reads its settings from the environment.
"""

import os
import signal
from pathlib import Path

from flows.processes import mark
from flows.workspace import Workspace

NAMED = "PREFECT_API_URL"
SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "DO_NOT_TRACK": "1",
}
TEMPORARY = {
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}
SERVING = {  # in memory, leases would be forgotten at a restart, and their places be held for ever
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}


def is_named() -> bool:
    """Whether the environment says which server to use."""
    return NAMED in os.environ


def configure(workspace: Workspace) -> None:
    """Set what the environment does not already say."""
    os.environ.update(mark(workspace.home))  # for the server that Prefect starts
    if not is_named():
        _set(workspace.folder("prefect"), SETTINGS | TEMPORARY)


def configure_serving(workspace: Workspace) -> str:
    """Set what a server that serves this checkout needs, where none is named; returns the address of its API."""
    port = os.environ.get("PREFECT_SERVER_API_PORT", "4200")
    address = f"http://127.0.0.1:{port}"
    if not is_named():
        _set(workspace.folder("serve"), SETTINGS | SERVING | {"PREFECT_UI_URL": address})
    return os.environ.get(NAMED, f"{address}/api")


def _set(home: Path, settings: dict[str, str]) -> None:
    for name, value in ({"PREFECT_HOME": str(home)} | settings).items():
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
