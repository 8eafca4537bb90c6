import ast
import inspect
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from flows.cli import request, results_commands
from flows.cli.main import app
from flows.graph.graph import Graph, Stage

ROOT = Path(__file__).parents[3]
MEASURE = "python -m components estimate_structure --params measuring --clips data/in --pretrained models/public"
GENERATE = "python -m components generate --params generate --clips data/in --structure data/flow --base models/lm"
NAMES = {"flow_model": "", "depth_model": "dpt-large"}
GRAPH = Graph(
    (
        Stage("measure", f"{MEASURE} --output data/flow", (), {"measuring": NAMES}, ("data/flow",), ()),
        Stage("generate", f"{GENERATE} --output data/samples", (), {}, ("data/samples",), ("measure",)),
    )
)


def test_models_and_ways_to_measure_come_from_the_graph_and_its_data_do_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("models/lm", "models/public", "data/flow"):
        Path(folder).mkdir(parents=True)
    words = request.command(GRAPH, {"task": "stylization", "prompt": "--a b", "image": None, "long": True, "seed": 0})
    assert words[2:] == [
        "components",
        "generate.request",
        "--params",
        "generate",
        "--structure=data/flow",
        "--base=models/lm",
        "--pretrained=models/public",
        "--depth-model=dpt-large",
        "--task=stylization",
        "--prompt=--a b",
        "--long=True",
        "--seed=0",
    ]


def test_models_that_are_not_there_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data/flow").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"models/lm does not exist yet: .*`videopoet run`"):
        request.command(GRAPH, {})


def fields_of(module: str) -> list[str]:
    """The fields of the dataclass in a module, which the command line makes flags of."""
    (found,) = [
        node for node in ast.parse((ROOT / "components" / module).read_text()).body if isinstance(node, ast.ClassDef)
    ]
    return [
        node.target.id for node in found.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]


def test_the_command_line_and_the_graph_give_exactly_what_the_component_takes():
    tree = ast.parse((ROOT / "components/generate/request.py").read_text())  # importing it takes torch
    (run,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "run"]
    takes = {argument.arg for argument in run.args.kwonlyargs} - {"models"} | set(fields_of("generate/model_paths.py"))
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    graph = Graph(
        tuple(
            Stage(name, stages[name]["cmd"], (), {name: NAMES}, tuple(stages[name]["outs"]), ())
            for name in ("estimate_structure", "generate")
        )
    )
    folders, settings = request._of_graph(graph)
    gives = {flag[2:].replace("-", "_") for flag in (*folders, *settings)}
    offers = set(inspect.signature(results_commands.generate).parameters)
    assert offers | gives == takes
    assert not offers & gives


def test_the_help_names_the_options():
    result = CliRunner().invoke(app, ["generate", "--help"])
    assert result.exit_code == 0
    assert "--prompt" in result.output
