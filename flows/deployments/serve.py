"""`videopoet serve`: registers the deployments of prefect.yaml and runs a worker for them in this checkout.

If PREFECT_API_URL names a server, that one is used. Otherwise a server is started here, with its database in
.videopoet/serve, and ends with the command. Deployments and automations are declared again at each start, so that
changes of prefect.yaml and of the recipients take effect.
"""

import json
import os
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import psutil

from components.common import errors
from flows.execution.executor import ExecutorName
from flows.machine import orchestrator, signals
from flows.machine.processes import GRACE_S, Interrupted, Processes, exclusive, mark
from flows.machine.workspace import Workspace

DEPLOYMENTS, POOL, LOG = "prefect.yaml", "videopoet", "server.log"
TEMPLATE = Path("k8s/flow-run.json")  # template of a flow run's Job
PROCESS: Mapping[str, Any] = {  # template of a flow run's process; it has no variables that an API user could set
    "job_configuration": {"stream_output": True},
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}
KIND: Mapping[ExecutorName, str] = {"here": "process", "kubernetes": "kubernetes"}  # worker type
ENGINE = "prefect.engine"  # in the command line of every flow run
PREFECT = f"{shlex.quote(sys.executable)} -m prefect --no-prompt"
START_S, LOOK_S = 180.0, 0.5  # a server starts in 15 s, slower on first use


def serve(workspace: Workspace, where: ExecutorName, notify: Sequence[str]) -> int:
    """Register the deployments and run the worker until a signal; returns the exit code.

    Raises ValueError for a wrong configuration, errors.Retryable if this checkout is served already.
    """
    if not (workspace.root / DEPLOYMENTS).is_file():
        raise ValueError(f"{workspace.root / DEPLOYMENTS} is missing: it defines the deployments and their schedules")
    home = workspace.folder("serve")
    with exclusive(home, f"{workspace.root} is already served: stop that process first", _show):
        ours, work, crashed = mark(home), Processes(), threading.Event()
        named, address = orchestrator.is_named(), orchestrator.configure_serving(workspace)
        with (
            suppress(Interrupted),
            signals.caught(lambda _: threading.Thread(target=_stop, args=(work,)).start()),
            _server(address, home / LOG, ours, work, crashed),
        ):
            os.environ[orchestrator.API_URL] = address  # for child processes and clients
            _declare(where, notify, ours, work)
            asks = "" if named else f", with the login in {home / orchestrator.STRING}"
            _show(f"serving {workspace.root}; Prefect is at {address.removesuffix('/api')}{asks}")
            ended = work.run(f"{PREFECT} worker start --pool {POOL} --type {KIND[where]}", ours, _show)
            raise errors.Retryable(f"the worker ended with exit code {ended.code}")
    if crashed.is_set():
        raise errors.Retryable(f"the server ended, see {home / LOG}")
    return errors.STOPPED


def _stop(work: Processes) -> None:
    """Stop the flow runs gracefully, then their worker, which would kill them."""
    flow_runs = [process for process in psutil.Process().children(recursive=True) if _is_flow_run(process)]
    for process in flow_runs:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(flow_runs, timeout=GRACE_S)
    work.stop()


def _is_flow_run(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return ENGINE in process.cmdline()
    return False


def _declare(where: ExecutorName, notify: Sequence[str], ours: Mapping[str, str], work: Processes) -> None:
    """Create or update work pool, automations and deployments on the server."""
    from prefect.client.orchestration import get_client  # late: the import reads the settings
    from prefect.client.schemas.actions import WorkPoolCreate

    from flows.deployments import automations

    with get_client(sync_client=True) as client:
        pool = WorkPoolCreate(name=POOL, type=KIND[where], base_job_template=template(where))
        client.create_work_pool(pool, overwrite=True)
    automations.declare(notify)
    lines: list[str] = []
    if work.run(f"{PREFECT} deploy --all", {**ours, "VIDEOPOET_WHERE": where}, lines.append).code:
        raise ValueError("\n".join([*lines, f"{DEPLOYMENTS} could not be registered, see above"]))


def template(where: ExecutorName) -> dict[str, Any]:
    """Return the base template of a flow run's process or Job; it offers no variables."""
    return json.loads(TEMPLATE.read_text()) if where == "kubernetes" else dict(PROCESS)


@contextmanager
def _server(
    address: str, log: Path, ours: Mapping[str, str], work: Processes, crashed: threading.Event
) -> Iterator[None]:
    """Run a server for a block, unless the environment names one; if it ends, `work` is stopped.

    The block starts when the server answers.
    """
    if orchestrator.is_named():
        yield
        return
    server = Processes()

    def run() -> None:
        with suppress(Interrupted), log.open("w") as file:
            server.run(f"{PREFECT} server start", ours, partial(print, file=file, flush=True))
            crashed.set()
            work.stop()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        _await(address, work)
        yield
    finally:
        server.stop()
        thread.join()


def _await(address: str, work: Processes) -> None:
    for _ in range(int(START_S / LOOK_S)):
        with suppress(OSError, psutil.Error), urlopen(f"{address}/health", timeout=10):
            if _is_ours(address):
                return
        if work.stopping.wait(LOOK_S):
            raise Interrupted
    raise errors.Retryable(f"the server does not answer at {address}")


def _is_ours(address: str) -> bool:
    """Return True if our own server listens at the address, not a foreign process that was there first.

    A foreign process must not receive the authentication string.
    """
    below = psutil.Process().children(recursive=True)
    found = (one for process in below for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN)
    return urlsplit(address).port in {one.laddr.port for one in found}


def _show(line: str) -> None:
    print(line, flush=True)
