"""The rules of the house, each a test that names the offender."""

import ast
import json
from pathlib import Path

import pytest
import yaml

from components.common import codelock
from flows.finetuning import graph as finetune_graph
from flows.graph import fingerprint

ROOT = Path(__file__).parents[1]
COMPONENTS = codelock.components()
SOURCES = sorted([*ROOT.glob("components/**/*.py"), *ROOT.glob("flows/**/*.py")])
MAIN = yaml.safe_load((ROOT / "dvc.yaml").read_text())
GRAPHS = {"main": MAIN, "finetune": finetune_graph.derive(MAIN)}
WALL_LINES, WALL_FUNCTION_LINES = 300, 60


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_has_its_rooms(component: str) -> None:
    rooms = {path.name for path in (ROOT / "components" / component).glob("*.py")}
    assert {"__init__.py", "config.py", "stage.py"} <= rooms
    assert list((ROOT / "tests" / "components" / component).glob("test_*.py")), "its tests stand at the mirrored path"


@pytest.mark.parametrize("component", COMPONENTS)
def test_the_code_lock_matches_the_code(component: str) -> None:
    locked = json.loads((ROOT / "codelock" / f"{component}.json").read_text())
    assert locked == codelock.modules(component), f"run `{codelock.REFRESH}`"


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_stage_of_the_graph_is_a_component_and_depends_on_its_code(graph: str) -> None:
    for stage, body in GRAPHS[graph]["stages"].items():
        component = body["cmd"].split()[3]
        assert component in COMPONENTS, stage
        assert f"codelock/{component}.json" in body["deps"], stage
        assert "formats" in body["params"] or component == "pretrained", stage


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_path_that_a_command_reads_is_a_dependency_and_the_one_it_writes_is_its_output(graph: str) -> None:
    for stage, body in GRAPHS[graph]["stages"].items():
        words = body["cmd"].split()
        flags = {words[i]: words[i + 1] for i in range(4, len(words) - 1, 2)}
        del flags["--params"]
        assert [flags.pop("--output")] == body["outs"], stage
        assert set(flags.values()) == set(body["deps"][1:]), stage


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_and_functions_stay_within_the_walls(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= WALL_LINES, f"{name(path)}: split it by concept"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            body = node.end_lineno - node.body[0].lineno  # a stage's signature is its command line, a line a flag
            assert body < WALL_FUNCTION_LINES, f"{name(path)}: {node.name} is too long"


def test_what_a_remote_holds_has_one_way_in() -> None:
    ways = {  # of DVC's, which believe what they read -> the one place that may use them, if any
        ".checkout(force": ["flows/dvc/checkout.py"],
        '"relpath"': ["flows/dvc/determinism.py", "flows/dvc/listings.py"],  # the one reads what was built here
        "Tree.load(": [],
        "get_used_objs(": [],
        "transfer(": [],
        "cloud.pull(": [],
        "stage_cache.restore(": [],
        "changed_cache(": [],
    }
    for way, places in ways.items():
        assert [name(path) for path in SOURCES if way in path.read_text()] == places, way


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_the_command_line_reads_the_environment(path: Path) -> None:
    if name(path).startswith("components/") and path.name != "__main__.py":
        assert "os.environ" not in path.read_text()


def test_no_linter_is_silenced_without_a_reason() -> None:
    for path in SOURCES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if "# noqa" in line or "# type: ignore" in line:
                assert "  # " in line.split("# noqa")[-1].split("# type: ignore")[-1], f"{name(path)}:{number}: say why"


def test_no_package_is_installed_that_fabric_would_import_at_every_start_of_a_training() -> None:
    assert not fingerprint.pinned(ROOT / "constraints.txt").keys() & {"lightning", "pytorch-lightning", "torchmetrics"}
