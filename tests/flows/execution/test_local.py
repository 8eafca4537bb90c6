"""What a stage's process is told, and what it is not."""

from pathlib import Path

import pytest
import typer

from flows.cli import request, results_commands
from flows.execution.local import environment
from flows.machine.processes import Processes
from flows.machine.workspace import Workspace

SECRETS = (
    "PREFECT_API_AUTH_STRING",
    "PREFECT_SERVER_API_AUTH_STRING",
    "prefect_api_auth_string",  # Prefect reads these too
    "PREFECT_API_KEY",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_CLIENT_CUSTOM_HEADERS",
)


@pytest.fixture(params=SECRETS)
def secret(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What stands in the environment of whoever starts a stage."""
    monkeypatch.setenv(request.param, "videopoet:not-for-stages")
    monkeypatch.setenv("AWS_PROFILE", "for-stages")
    return "videopoet:not-for-stages"


def test_a_stage_does_not_get_what_opens_prefect(checkout, secret):
    graph = Path("dvc.yaml")
    graph.write_text(graph.read_text().replace("python work.py apart", "env && python work.py apart"))
    said: list[str] = []
    coordinator = checkout.coordinator("apart")
    coordinator.ensure_up_to_date(coordinator.graph.by_name["apart"], said.append)
    told = "\n".join(said)
    assert "AWS_PROFILE=for-stages" in told
    assert secret not in told


def test_nor_does_one_that_is_run_for_the_gate(checkout, secret):
    said: list[str] = []
    Processes().run("env", environment(Workspace(checkout.root), checkout.graph().by_name["apart"]), said.append)
    assert f"VIDEOPOET_CACHE={checkout.root}/.videopoet/cache" in said
    assert secret not in "\n".join(said)


def test_nor_does_a_request_of_a_person(checkout, secret, monkeypatch, capfd):
    monkeypatch.setattr(request, "command", lambda *_: ["env"])
    with pytest.raises(typer.Exit):
        results_commands.generate(task="text-to-video", output=Path("one.mp4"))
    told = capfd.readouterr().out
    assert "AWS_PROFILE=for-stages" in told
    assert secret not in told
