"""The README promises nothing that is not there."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.common import codelock
from flows.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = {path: path.read_text() for path in (ROOT / "README.md",)}  # docs/: test_docs.py
COMMANDS = [
    line.split("#")[0].strip()
    for text in PAGES.values()
    for block in re.findall(r"```sh\n(.*?)```", text, re.S)
    for line in block.splitlines()
]
LINKS = [(path, link) for path, text in PAGES.items() for link in re.findall(r"\]\((?!http)([^)]+)\)", text)]


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
    component, _, door = command.split()[3].partition(".")
    assert component in codelock.components()
    assert (ROOT / "components" / component / f"{door or 'stage'}.py").is_file()


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_a_linked_file_exists(page: Path, link: str) -> None:
    assert (page.parent / link).exists()
