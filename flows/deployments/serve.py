"""`videopoet serve`: the deployments of prefect.yaml, registered, and a worker that carries them out in this checkout.

Where PREFECT_API_URL names a server, that one is used. Otherwise one is started here, with its database in
.videopoet/serve, and ends with the command. Everything is declared anew at each start, so that what has changed in
prefect.yaml, or in who is to be told, holds from then on.
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
from flows.execution.executor import Where
from flows.machine import orchestrator, signals
from flows.machine.processes import GRACE_S, Interrupted, Processes, alone_in, mark
from flows.machine.workspace import Workspace

DEPLOYMENTS, POOL, LOG = "prefect.yaml", "videopoet", "server.log"
TEMPLATE = Path("k8s/flow-run.json")  # of the Job that each flow run is in a cluster
PROCESS: Mapping[str, Any] = {  # of the process that each one is here: nothing about it is for others to choose
    "job_configuration": {"stream_output": True},
    "variables": {"type": "object", "properties": {}, "additionalProperties": False},
}
KIND: Mapping[Where, str] = {"here": "process", "kubernetes": "kubernetes"}  # of worker
ENGINE = "prefect.engine"  # of a flow run's command line
PREFECT = f"{shlex.quote(sys.executable)} -m prefect --no-prompt"
START_S, LOOK_S = 180.0, 0.5  # a server takes 15 s to start, more where it does so for the first time


def serve(workspace: Workspace, where: Where, notify: Sequence[str]) -> int:
    """Register the deployments and carry them out until a signal comes; returns the exit code.

    Raises ValueError for what must be mended first, errors.Retryable if this checkout is served already.
    """
    if not (workspace.root / DEPLOYMENTS).is_file():
        raise ValueError(f"{workspace.root / DEPLOYMENTS} is not there: it says what runs when")
    home = workspace.folder("serve")
    with alone_in(home, f"{workspace.root} is served already: stop that first", _show):
        ours, work, crashed = mark(home), Processes(), threading.Event()
        named, address = orchestrator.is_named(), orchestrator.configure_serving(workspace)
        with (
            suppress(Interrupted),
            signals.caught(lambda _: threading.Thread(target=_stop, args=(work,)).start()),
            _server(address, home / LOG, ours, work, crashed),
        ):
            os.environ[orchestrator.NAMED] = address  # for all that is started, and all that is asked, from here on
            _declare(where, notify, ours, work)
            asks = "" if named else f", and asks for what is in {home / orchestrator.STRING}"
            _show(f"serving {workspace.root}; {address.removesuffix('/api')} shows what runs when{asks}")
            ended = work.run(f"{PREFECT} worker start --pool {POOL} --type {KIND[where]}", ours, _show)
            raise errors.Retryable(f"the worker ended with exit code {ended.code}")
    if crashed.is_set():
        raise errors.Retryable(f"the server ended, {home / LOG} says why")
    return errors.STOPPED


def _stop(work: Processes) -> None:
    """Let the flow runs end in good order, then stop their worker, which would kill them."""
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


def _declare(where: Where, notify: Sequence[str], ours: Mapping[str, str], work: Processes) -> None:
    """Tell the server of the work pool, the automations and the deployments, as they are to be."""
    from prefect.client.orchestration import get_client  # reads its settings only now
    from prefect.client.schemas.actions import WorkPoolCreate

    from flows.deployments import automations

    with get_client(sync_client=True) as client:
        pool = WorkPoolCreate(name=POOL, type=KIND[where], base_job_template=template(where))
        client.create_work_pool(pool, overwrite=True)
    automations.declare(notify)
    lines: list[str] = []
    if work.run(f"{PREFECT} deploy --all", {**ours, "VIDEOPOET_WHERE": where}, lines.append).code:
        raise ValueError("\n".join([*lines, f"{DEPLOYMENTS} could not be registered, see above"]))


def template(where: Where) -> dict[str, Any]:
    """What a flow run's process or Job is made from; it offers no variables."""
    return json.loads(TEMPLATE.read_text()) if where == "kubernetes" else dict(PROCESS)


@contextmanager
def _server(
    address: str, log: Path, ours: Mapping[str, str], work: Processes, crashed: threading.Event
) -> Iterator[None]:
    """A server that answers, for a block: the one that is named, or else one of our own. If it ends, so does `work`."""
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
    """Whether it is our server that listens, and nobody else who was there first and would be told the string."""
    below = psutil.Process().children(recursive=True)
    found = (one for process in below for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN)
    return urlsplit(address).port in {one.laddr.port for one in found}


def _show(line: str) -> None:
    print(line, flush=True)
