from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.common import codelock
from flows.cli import codelock_commands


def call(name: str) -> str:
    return CliRunner().invoke(codelock_commands.app, [name]).output


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])


def test_check_counts_the_components():
    assert call("check") == f"codelock/ matches the code of {len(codelock.components())} components\n"


@pytest.mark.parametrize(
    ("changed", "words"), [([], "nothing changed\n"), (["filter", "ingest"], "changed: filter, ingest\n")]
)
def test_refresh_names_what_changed(monkeypatch: pytest.MonkeyPatch, changed: list[str], words: str):
    monkeypatch.setattr(codelock, "write_all", lambda: changed)
    assert call("refresh") == words
