import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app

COMMANDS = (
    "run plan finetune status logs cancel runs lineage reproduce doctor profile report card generate sources codelock"
)


def call(*arguments: str, cwd: Path | None = None, environment=None) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "flows.cli", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_help_is_quick_because_nothing_slow_is_imported(checkout):
    code = "import sys; from flows.cli import main; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], env=checkout.environment(), text=True).split()
    assert not {"dvc", "prefect", "mlflow", "torch", "pyarrow", "av", "jsonargparse", "pydantic"}.intersection(loaded)


@pytest.mark.parametrize("name", COMMANDS.split())
def test_every_command_says_what_it_does(name):
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert len(result.output) > 100


def test_a_mistake_of_the_user_is_one_line_and_exit_code_64(checkout):
    result = call("plan", "nonsense", environment=checkout.environment())
    assert result.returncode == 64
    assert result.stderr.startswith("no stage `nonsense` in dvc.yaml: choose from seed, left")
    assert result.stderr.count("\n") == 1


def test_outside_of_a_checkout_it_says_where_to_go(checkout, tmp_path):
    result = call("plan", cwd=tmp_path, environment=checkout.environment())
    assert (result.returncode, "is not in a checkout" in result.stderr) == (64, True)


def test_a_plan_works_from_any_folder_of_the_checkout(made):
    started_s = time.monotonic()
    result = call("plan", cwd=made.root / "codelock", environment=made.environment())
    assert result.returncode == 0, result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines()[:2]] == ["seed", "left"]
    assert time.monotonic() - started_s < 30


def test_records_can_be_listed_before_there_are_any(checkout):
    assert CliRunner().invoke(app, ["runs"]).output == ""


def test_lineage_goes_one_way_at_a_time(made):
    backward = CliRunner().invoke(app, ["lineage", "out/join/text"])
    assert "out/join  " in backward.output
    assert "made by seed" in backward.output
    for arguments in ([], ["out/join", "--forward", "x"]):
        assert "give either a file or hash" in str(CliRunner().invoke(app, ["lineage", *arguments]).exception)


def test_a_report_that_is_not_there_is_an_error_in_words(checkout):
    result = CliRunner().invoke(app, ["report"])
    assert "videopoet run" in str(result.exception)


def test_it_says_which_version_it_is():
    said = CliRunner().invoke(app, ["--version"])
    assert (said.exit_code, said.output) == (0, f"videopoet {metadata.version('videopoet-pipeline')}\n")
