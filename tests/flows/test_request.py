import ast
import inspect
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from flows import cli, request

ROOT = Path(__file__).parents[2]
STAGE = "python -m components generate --params generate --clips data/filtered --base models/lm --output data/samples"


def test_models_come_from_the_graph_and_data_do_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("models/lm").mkdir(parents=True)
    words = request.command(STAGE, {"task": "text-to-video", "prompt": "--a b", "image": None, "long": True, "seed": 0})
    assert words[2:] == [
        "components",
        "generate.request",
        "--params",
        "generate",
        "--base=models/lm",
        "--task=text-to-video",
        "--prompt=--a b",
        "--long=True",
        "--seed=0",
    ]


def test_models_that_are_not_there_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="models/lm is not there yet: `videopoet run`"):
        request.command(STAGE, {})


def test_the_command_line_offers_exactly_what_the_component_takes():
    tree = ast.parse((ROOT / "components/generate/request.py").read_text())  # importing it takes torch
    (run,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run"]
    takes = {argument.arg for argument in run.args.kwonlyargs}
    offers = set(inspect.signature(cli.generate).parameters)
    words = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["generate"]["cmd"].split()
    models = {
        flag[2:].replace("-", "_") for flag, path in zip(words[4::2], words[5::2], strict=True) if "models/" in path
    }
    assert offers | models == takes
    assert not offers & models


def test_the_help_names_the_options():
    result = CliRunner().invoke(cli.app, ["generate", "--help"])
    assert result.exit_code == 0
    assert "--prompt" in result.output
