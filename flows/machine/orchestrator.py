"""Prefect's servers on one machine: a temporary one for a run, or the one of `videopoet serve`.

Each server has its own home in `.videopoet`.

Anyone who may call such a server can run commands as its user. So it requires an authentication string, which is
created on first use and stored in its home, readable by the user alone; pages of other origins may not call it. The
server, its worker, flow runs and the user's commands know the string; stages do not (`flows.execution.local`).

If PREFECT_API_URL names a server, that one is used and none of this applies; only the string of the server that serves
this checkout is found automatically. Must be called before the first import of `prefect`, which reads its settings from
the environment.
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

API_URL, CLIENT_AUTH, SERVER_AUTH = "PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"
STRING, SERVED = "auth", "address"  # files in the home of a server: its authentication string, its address
USER = "videopoet"  # Prefect requires user:password
SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    "DO_NOT_TRACK": "1",
}
TEMPORARY = {
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "none",  # it has no page; "" and "null" are origins of some pages
}
SERVING = {  # leases kept in memory would be lost on restart, and their concurrency slots never be freed
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}


def is_named() -> bool:
    """Return True if the environment names a server."""
    return API_URL in os.environ


def configure(workspace: Workspace) -> None:
    """Set the environment for Prefect; keep the values that are already set."""
    os.environ.update(mark(workspace.home))  # for the server that Prefect starts
    if not is_named():
        _set(workspace.folder("prefect"), SETTINGS | TEMPORARY)
    elif CLIENT_AUTH not in os.environ and (home := _serves(workspace.root, os.environ[API_URL])):
        os.environ[CLIENT_AUTH] = string(home)


def configure_serving(workspace: Workspace) -> str:
    """Set the environment for a server that serves this checkout; returns the address of its API."""
    port = os.environ.get("PREFECT_SERVER_API_PORT", "4200")
    address = f"http://127.0.0.1:{port}"
    if not is_named():
        home = workspace.folder("serve")
        page = {"PREFECT_UI_URL": address, "PREFECT_UI_API_URL": f"{address}/api"}
        _set(home, SETTINGS | SERVING | page | {"PREFECT_SERVER_CORS_ALLOWED_ORIGINS": address})
        (home / SERVED).write_text(f"{address}/api\n")
    return os.environ.get(API_URL, f"{address}/api")


def string(home: Path) -> str:
    """Return the authentication string of the server in `home`, created on first use.

    Raises ValueError if other users may know it.
    """
    file = home / STRING
    if not file.is_symlink() and not file.exists():
        with NamedTemporaryFile("w", dir=home, prefix=f".{STRING}.") as made:  # mode 0600 from the start
            made.write(f"{USER}:{secrets.token_urlsafe(32)}\n")
            made.flush()
            with suppress(FileExistsError):  # another process created it first
                os.link(made.name, file)
    found, again = file.lstat(), "delete it to create a new one"
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ValueError(f"{file} must be readable by you alone (mode 600), others may know it: {again}")
    text = file.read_text().strip()
    if not all(text.partition(":")):
        raise ValueError(f"{file} does not hold user:password: {again}")
    return text


def _serves(root: Path, address: str) -> Path | None:
    """Return the home of the server at `address` if it serves this checkout, or the one that contains it."""
    roots = (root, *(folder.parent for folder in root.parents if folder.name == ".videopoet"))
    homes = [one / ".videopoet/serve" for one in roots if (one / ".videopoet/serve" / SERVED).is_file()]
    return next((home for home in homes if (home / SERVED).read_text().strip() == address), None)


def _set(home: Path, settings: dict[str, str]) -> None:
    for name, value in ({"PREFECT_HOME": str(home)} | settings).items():
        os.environ.setdefault(name, value)
    os.environ[CLIENT_AUTH] = os.environ[SERVER_AUTH] = string(home)  # never reuse the string of another server


def start() -> None:
    """Start the temporary server with SIGINT blocked: it must outlive the run that Ctrl-C stops, to record its end.

    Raises ValueError if the named server requires another authentication string.
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
        raise ValueError(
            f"the server {os.environ.get(API_URL, '')} requires authentication: set {CLIENT_AUTH}"
        ) from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
