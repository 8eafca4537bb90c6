"""Prefect on one machine: a temporary server for one run, or one that serves; each has its own home in `.videopoet`.

Whoever may call such a server may run commands as its user. So it asks for a string that is made at first use and lies
in its home, for the user's eyes alone, and no page of another origin may call it. What knows the string: the server,
its worker, flow runs and the user's own commands, but no stage (`flows.execution.local`).

Where PREFECT_API_URL names a server, that one is used and nothing here applies; only the string of the one that serves
this checkout is found by itself. Must be called before the first import of `prefect`, which reads its settings from the
environment.
"""

import os
import secrets
import signal
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from flows.machine.processes import mark
from flows.machine.workspace import Workspace

NAMED, SENT, WANTED = "PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"
STRING, SERVED = "auth", "address"  # files in the home of a server: what it asks for, and of one that serves, where
USER = "videopoet"  # Prefect wants user:password
SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    "DO_NOT_TRACK": "1",
}
TEMPORARY = {
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "none",  # it has no page of its own; "" and "null" would be some page's
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
    elif SENT not in os.environ and (home := _serves(workspace.root, os.environ[NAMED])):
        os.environ[SENT] = string(home)


def configure_serving(workspace: Workspace) -> str:
    """Set what a server that serves this checkout needs, where none is named; returns the address of its API."""
    port = os.environ.get("PREFECT_SERVER_API_PORT", "4200")
    address = f"http://127.0.0.1:{port}"
    if not is_named():
        home = workspace.folder("serve")
        page = {"PREFECT_UI_URL": address, "PREFECT_UI_API_URL": f"{address}/api"}
        _set(home, SETTINGS | SERVING | page | {"PREFECT_SERVER_CORS_ALLOWED_ORIGINS": address})
        (home / SERVED).write_text(f"{address}/api\n")
    return os.environ.get(NAMED, f"{address}/api")


def string(home: Path) -> str:
    """What the server of this home asks for, made at first use. Raises ValueError if others may know it."""
    file = home / STRING
    if not file.is_symlink() and not file.exists():
        with NamedTemporaryFile("w", dir=home, prefix=f".{STRING}.") as made:  # of mode 0600 from its first byte
            made.write(f"{USER}:{secrets.token_urlsafe(32)}\n")
            made.flush()
            with suppress(FileExistsError):  # another start was faster, and its string holds
                os.link(made.name, file)
    found, again = file.lstat(), "delete it, and another one is made"
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ValueError(f"{file} must be a file that you alone can read (mode 600), others may know it: {again}")
    text = file.read_text().strip()
    if not all(text.partition(":")):
        raise ValueError(f"{file} does not hold user:password: {again}")
    return text


def _serves(root: Path, address: str) -> Path | None:
    """The home of the server at this address, if it serves the checkout or the one in whose `.videopoet` that lies."""
    roots = (root, *(folder.parent for folder in root.parents if folder.name == ".videopoet"))
    homes = [one / ".videopoet/serve" for one in roots if (one / ".videopoet/serve" / SERVED).is_file()]
    return next((home for home in homes if (home / SERVED).read_text().strip() == address), None)


def _set(home: Path, settings: dict[str, str]) -> None:
    for name, value in ({"PREFECT_HOME": str(home)} | settings).items():
        os.environ.setdefault(name, value)
    os.environ[SENT] = os.environ[WANTED] = string(home)  # what opens another server does not open ours


def start() -> None:
    """Start the temporary server, deaf to Ctrl-C: it must outlive the run that the key stops, to note how it ended.

    Raises ValueError if the server that is named wants another string, or any.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with get_client(sync_client=True) as client:
            client.hello()
    except PrefectHTTPStatusError as error:
        if error.response.status_code != 401:
            raise
        raise ValueError(f"the server {os.environ.get(NAMED, '')} lets in whom {SENT} names: set it") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
