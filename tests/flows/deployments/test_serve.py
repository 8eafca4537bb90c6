"""`videopoet serve` and a real server: what is scheduled comes to its end, nothing waits for ever, people are told."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import psutil
import pytest
import yaml

from flows.deployments import serve
from flows.machine import orchestrator
from tests.flows.conftest import PROJECT, Checkout
from tests.flows.promotion.test_promoter import aliases, parameters
from tests.flows.promotion.test_promoter import checkout as judged

__all__ = ["judged"]
WAIT_S = 240
BLOCK = "custom-webhook/team"


def eventually(look: Callable[[], Any]) -> Any:
    """What `look` finds, as soon as it finds anything."""
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s:
        if found := look():
            return found
        time.sleep(0.5)
    return pytest.fail("it never came")


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


class Server:
    """A Prefect server as one runs it for good: it schedules, it looks after leases, and it can be restarted."""

    def __init__(self, home: Path):
        self._port = free_port()
        self.api = f"http://127.0.0.1:{self._port}/api"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | {
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_API_PORT": self._port,
            **orchestrator.SERVING,
            **orchestrator.SETTINGS,
            **dict.fromkeys((orchestrator.CLIENT_AUTH, orchestrator.SERVER_AUTH), orchestrator.string(home)),
        }

    def start(self) -> None:
        command = [sys.executable, "-m", "prefect", "server", "start"]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, env=self.environment, stdout=quiet, stderr=quiet)
        eventually(self._answers)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)

    def _answers(self) -> bool:
        try:
            return bool(urlopen(f"{self.api}/health").status == 200)
        except OSError:
            return False


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's database with its tables and nothing in them: making those takes more than all else of a start."""
    home = tmp_path_factory.mktemp("prefect")
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(command, check=True, env=Server(home).environment, stdout=subprocess.DEVNULL)
    return home / "prefect.db"


@pytest.fixture
def server(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of the test's own, named in the environment; heartbeats as often as Prefect allows."""
    (tmp_path / "prefect").mkdir()
    shutil.copy(database, tmp_path / "prefect")
    found = Server(tmp_path / "prefect")
    found.start()
    monkeypatch.setenv("PREFECT_API_URL", found.api)
    monkeypatch.setenv(orchestrator.CLIENT_AUTH, found.environment[orchestrator.CLIENT_AUTH])
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")
    yield found
    found.stop()


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    """Asks the server."""
    from prefect.client.orchestration import SyncPrefectClient

    with SyncPrefectClient(api=server.api, auth_string=server.environment[orchestrator.CLIENT_AUTH]) as found:
        yield found


@pytest.fixture
def told(client: Any) -> Iterator[list[dict[str, str]]]:
    """What people have been told: a webhook, which the server has as a block."""
    messages: list[dict[str, str]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        save_webhook(client, f"http://127.0.0.1:{http.server_address[1]}/")
        yield messages
        http.shutdown()


def save_webhook(client: Any, url: str) -> None:
    """Make the block BLOCK, as a person does on Prefect's page Blocks."""
    from prefect.client.schemas.actions import BlockDocumentCreate

    kind, name = BLOCK.split("/")
    block_type = client.read_block_type_by_slug(kind)
    schema = client.get_most_recent_block_schema_for_block_type(block_type.id)
    data = {"name": "team", "url": url, "json_data": {"subject": "{{subject}}", "body": "{{body}}"}}
    document = BlockDocumentCreate(name=name, data=data, block_type_id=block_type.id, block_schema_id=schema.id)
    client.create_block_document(document)


def deploys(checkout: Checkout, name: str = "weekly", **changes: Any) -> None:
    """Give a checkout the project's deployments, with the values of one changed; nothing else comes by itself."""
    declared = yaml.safe_load((PROJECT / "prefect.yaml").read_text())
    for one in declared["deployments"]:
        one.update({"schedules": []} | (changes if one["name"] == name else {}))
    (checkout.root / "prefect.yaml").write_text(yaml.safe_dump(declared))


@contextmanager
def serving(checkout: Checkout, *options: str, **environment: str) -> "Iterator[subprocess.Popen[str]]":
    """`videopoet serve`, as soon as it does; stopped gracefully after the block, if it is still there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "serve", *options],
        env=checkout.environment(PYTHONPATH=os.environ.get("PYTHONPATH") or str(PROJECT), **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    assert process.stdout is not None
    if not any(lines.append(line) or line.startswith("serving ") for line in process.stdout):
        pytest.fail("".join(lines))
    threading.Thread(target=process.stdout.read, daemon=True).start()  # so that it never waits for us
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=120)


def comes_again(client: Any, name: str, **labels: str) -> None:
    """Let the server see the event of a run's end once more, with some `labels` of the run changed."""
    wanted = {"filter": {"event": {"name": [f"prefect.flow-run.{name}"]}}}
    (event,) = eventually(lambda: client.request("POST", "/events/filter", json=wanted).json()["events"])
    parts = {part: event[part] for part in ("occurred", "event", "related", "payload")}
    resource = event["resource"] | {f"prefect.{label.replace('_', '-')}": value for label, value in labels.items()}
    client.request("POST", "/events", json=[parts | {"id": str(uuid4()), "resource": resource}])


def ended(client: Any, *names: str) -> Callable[[], Any]:
    """Looks for a flow run whose state has one of these names."""
    return lambda: next((run for run in client.read_flow_runs() if run.state_name in names), None)


def test_a_server_that_was_there_first_is_not_taken_for_ours():
    """It would be told the string."""
    with socket.socket() as theirs:
        theirs.bind(("127.0.0.1", 0))
        theirs.listen()
        assert not serve._is_ours(f"http://127.0.0.1:{theirs.getsockname()[1]}/api")
    listens = (
        "import socket; one = socket.create_server(('127.0.0.1', 0)); print(one.getsockname()[1], flush=True); input()"
    )
    command = [sys.executable, "-c", listens]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ours:
        assert ours.stdout
        assert serve._is_ours(f"http://127.0.0.1:{int(ours.stdout.readline())}/api")
        ours.communicate("\n")


@pytest.mark.slow
def test_what_is_scheduled_every_minute_is_gated_and_promoted_or_refused_with_its_table(judged, client):
    parameters(judged, 0.5)
    deploys(judged, schedules=[{"cron": "* * * * *", "timezone": "UTC"}])
    with serving(judged):
        promoted = eventually(ended(client, "Promoted"))
        champion = aliases()["champion"]
        parameters(judged, 0.4)
        refused = eventually(ended(client, "Refused"))
    assert promoted.auto_scheduled
    assert f"candidate {champion}, champion none" in promoted.state.message
    assert refused.auto_scheduled
    assert f"champion {champion}\n" in refused.state.message
    assert "NO text_to_video/motion: 0.5 → 0.4" in refused.state.message
    assert aliases()["champion"] == champion


@pytest.mark.slow
def test_a_fine_tune_every_minute_is_promoted_refused_or_skipped(tunable, client):
    tunable.sources("abcde")
    deploys(tunable, "nightly", schedules=[{"cron": "* * * * *", "timezone": "UTC"}])
    before = aliases()["champion"]
    with serving(tunable):
        promoted = eventually(ended(client, "Promoted"))
        champion = aliases()["champion"]
        skipped = eventually(ended(client, "Skipped"))
        tunable.settle(gain=0)
        tunable.sources("abcdefg")
        refused = eventually(ended(client, "Refused"))
    assert promoted.auto_scheduled
    assert "ok text_to_video/motion: 0.4 → 0.7" in promoted.state.message
    assert champion != before
    assert f"0 new files since {champion}, at least 2 are needed" in skipped.state.message
    assert "NO text_to_video/motion: 0.7 → 0.7" in refused.state.message
    assert aliases()["champion"] == champion


@pytest.mark.slow
def test_people_are_told_once_what_became_of_a_run_and_why(judged, client, told):
    deploys(judged, schedules=[])
    parameters(judged, 0.5)
    with serving(judged, "--notify", BLOCK):
        deployment = client.read_deployment_by_name("retrain/weekly")
        promoted = client.create_flow_run_from_deployment(deployment.id)
        eventually(ended(client, "Promoted"))
        parameters(judged, "nothing")
        failed = client.create_flow_run_from_deployment(deployment.id)
        eventually(ended(client, "Failed"))
        eventually(lambda: len(told) >= 2)
        comes_again(client, "Failed")  # as where the database was locked when the server looked at it
        comes_again(client, "Failed", state_timestamp="2030-01-01T00:00:00+00:00")  # as of another end
        eventually(lambda: len(told) >= 3)
    first, second, third = told
    assert third == second
    assert first["subject"] == f"retrain: Promoted ({promoted.name})"
    assert f"candidate {aliases()['champion']}, champion none\nok text_to_video/motion: 0.5" in first["body"]
    assert str(promoted.id) in first["body"]
    assert second["subject"] == f"retrain: Failed ({failed.name})"
    assert "generate ended with exit code 1" in second["body"]


@pytest.mark.slow
def test_a_flow_run_whose_machine_is_gone_is_given_up_people_are_told_and_the_next_one_runs(
    checkout, client, told, empty_registry
):
    deploys(checkout, parameters={"targets": ["seed"], "where": "here"})
    with serving(checkout, "--notify", BLOCK, WORK_SLEEP_S="600") as process:
        deployment = client.read_deployment_by_name("retrain/weekly")
        lost = client.create_flow_run_from_deployment(deployment.id)
        eventually(lambda: "seed" in checkout.started())
        for gone in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            gone.kill()
        eventually(ended(client, "Crashed"))
    assert client.read_flow_run(lost.id).state_name == "Crashed"
    (message,) = eventually(lambda: told)
    assert message["subject"] == f"retrain: Crashed ({lost.name})"
    assert "its process died" in message["body"]
    with serving(checkout, "--notify", BLOCK):
        client.create_flow_run_from_deployment(deployment.id)
        eventually(ended(client, "Completed"))
    assert Path("out/seed/text").read_text() == "1\n"


@pytest.mark.slow
def test_a_pending_run_that_never_starts_loses_its_place_even_if_the_server_was_restarted(checkout, server, client):
    from prefect.states import Pending

    limit = {"limit": 1, "collision_strategy": "CANCEL_NEW", "grace_period_seconds": 60}
    deploys(checkout, concurrency_limit=limit, schedules=[])
    with serving(checkout):
        pass
    deployment = client.read_deployment_by_name("retrain/weekly")

    def submitted() -> str:
        """A run that a worker takes, and then is not heard of any more; the name of the state it comes into."""
        run = client.create_flow_run_from_deployment(deployment.id)
        return str(client.set_flow_run_state(run.id, Pending()).state.name)

    assert submitted() == "Pending"
    assert submitted() == "Cancelled"
    server.stop()
    server.start()
    assert submitted() == "Cancelled"
    eventually(lambda: submitted() == "Pending")


@pytest.mark.slow
def test_a_run_that_never_starts_is_given_up(checkout, server, client, monkeypatch):
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
    from prefect.states import Pending, Submitting

    from flows.deployments import automations

    monkeypatch.setattr(automations, "START_S", 10)
    deploys(checkout, schedules=[])
    with serving(checkout):
        pass
    string = server.environment[orchestrator.CLIENT_AUTH]
    with temporary_settings({PREFECT_API_URL: server.api, PREFECT_API_AUTH_STRING: string}):
        automations.declare([])
    run = client.create_flow_run_from_deployment(client.read_deployment_by_name("retrain/weekly").id)
    client.set_flow_run_state(run.id, Pending())
    client.set_flow_run_state(run.id, Submitting())
    found = eventually(ended(client, "Crashed"))
    assert found.id == run.id
    assert "it did not start within 10 s" in found.state.message


@pytest.mark.slow
def test_with_no_server_named_it_has_its_own_and_all_ends_with_it(checkout, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    port = free_port()
    deploys(checkout, schedules=[], parameters={"targets": ["seed"], "where": "here"})
    api = f"http://127.0.0.1:{port}/api"
    with serving(checkout, PREFECT_SERVER_API_PORT=port, WORK_SLEEP_S="600") as process:
        from prefect.client.orchestration import SyncPrefectClient

        second = subprocess.run(
            [sys.executable, "-m", "flows.cli", "serve"],
            env=checkout.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        with SyncPrefectClient(api=api, auth_string=orchestrator.string(Path(".videopoet/serve"))) as client:
            run = client.create_flow_run_from_deployment(client.read_deployment_by_name("retrain/weekly").id)
            eventually(lambda: "seed" in checkout.started())
            below = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGTERM)
            eventually(lambda: client.read_flow_run(run.id).state_name == "Failed")
            words = client.read_flow_run(run.id).state.message
            assert (
                "stopped by SIGTERM; the same command resumes from here" in client.read_flow_run(run.id).state.message
            )
        assert process.wait(timeout=120) == 143
    assert second.returncode == 75
    assert f"{checkout.root} is already served" in second.stderr
    assert "stopped by SIGTERM; the same command resumes from here" in words
    assert not [found for found in below if found.is_running() and found.status() != psutil.STATUS_ZOMBIE]
