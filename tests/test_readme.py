"""The README promises nothing that is not there."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.common import codelock
from flows.cli import app

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
COMMANDS = [
    line.split("#")[0].strip() for block in re.findall(r"```sh\n(.*?)```", TEXT, re.S) for line in block.splitlines()
]


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("videopoet ")])
def test_a_videopoet_command_exists(command: str) -> None:
    words = command.split()
    name = words[1:3] if words[1] in ("sources", "codelock", "runs") and len(words) > 2 else words[1:2]
    result = CliRunner().invoke(app, [*name, "--help"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("make ")])
def test_a_make_target_exists(command: str) -> None:
    assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("python -m components ")])
def test_a_stage_exists(command: str) -> None:
    assert command.split()[3] in codelock.components()


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)]+)\)", TEXT))
def test_a_linked_file_exists(path: str) -> None:
    assert (ROOT / path).exists()
