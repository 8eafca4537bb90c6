"""The rules of the house, each a test that names the offender."""

import ast
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from components.common import codelock
from flows.finetuning import graph as finetune_graph

ROOT = Path(__file__).parents[1]
COMPONENTS = codelock.components()
SOURCES = sorted([*ROOT.glob("components/**/*.py"), *ROOT.glob("flows/**/*.py")])
TESTS = sorted(ROOT.glob("tests/**/test_*.py"))
MAIN = yaml.safe_load((ROOT / "dvc.yaml").read_text())
GRAPHS = {"main": MAIN, "finetune": finetune_graph.derive(MAIN)}
WALL_LINES, WALL_FUNCTION_LINES = 300, 60
OF_EVERY_COMPONENT = {"Architecture", "Batch", "Config", "Model", "Training"}  # one role, in each component its own
CHECKS = {"raises", "warns", "fail", "await_true", "await_line"}  # calls that can fail a test, as does `assert_…`
COVERED_BY = {  # module of flows/ without a test of its own -> the test that covers it
    "cli/card_commands.py": "cli/test_card.py",
    "cli/profile_commands.py": "cli/test_parameter_file.py",
    "cli/registry_commands.py": "promotion/test_promoter.py",
    "cli/results_commands.py": "cli/test_request.py",
    "cli/runs_commands.py": "runs/test_record_view.py",
    "cli/sources_commands.py": "runs/test_sources.py",
    "dvc/checkout.py": "dvc/test_hostile_remote.py",
    "dvc/handoff.py": "kubernetes/test_executor.py",
    "dvc/object_store.py": "promotion/test_cleanup.py",
    "dvc/objects.py": "dvc/test_hostile_remote.py",
    "dvc/run_cache.py": "dvc/test_repository.py",
    "dvc/terms.py": "dvc/test_repository.py",
    "execution/executor.py": "execution/test_local.py",
    "execution/validation.py": "test_retrain.py",
    "finetuning/base.py": "test_finetune.py",
    "finetuning/layout.py": "test_finetune.py",
    "graph/nodes.py": "graph/test_profiles.py",
    "kubernetes/job_watcher.py": "kubernetes/test_faults.py",
    "reproduction/report.py": "test_reproduce.py",
    "reproduction/reproduction.py": "test_reproduce.py",
    "runs/forward_lineage.py": "runs/test_lineage.py",
    "runs/needs.py": "runs/test_source_archive.py",
}


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


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_docstring_is_a_question(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            words = (ast.get_docstring(node) or "").split(maxsplit=1)[:1]
            where = f"{name(path)}:{getattr(node, 'lineno', 1)}"
            assert words not in (["What"], ["Whether"]), f"{where}: begin with an imperative or a noun phrase"


def checks(node: ast.AST, helpers: frozenset[str] = frozenset()) -> bool:
    """Whether something in a function can fail a test: an assert, or a call of one of CHECKS or of a helper."""
    calls = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
    called = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}
    called |= {"raises" for one in called if one.startswith("assert_")}
    return bool(called & (CHECKS | helpers)) or any(isinstance(one, ast.Assert) for one in ast.walk(node))


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_every_test_asserts(path: Path) -> None:
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    tests = [one for one in functions if one.name.startswith("test_")]
    helpers = frozenset(one.name for one in functions if one not in tests and checks(one))
    idle = [one.name for one in tests if not checks(one, helpers)]
    assert not idle, f"{name(path)}: {', '.join(idle)} cannot fail"


def test_every_module_of_flows_has_a_test() -> None:
    modules = [path for path in SOURCES if path.is_relative_to(ROOT / "flows") and not path.stem.startswith("__")]
    own = {path: path.relative_to(ROOT).with_name(f"test_{path.name}") for path in modules}
    without = {
        path.relative_to(ROOT / "flows").as_posix() for path in modules if not (ROOT / "tests" / own[path]).is_file()
    }
    assert without == COVERED_BY.keys(), "write a test at the mirrored path, or name the one that covers it"
    assert all((ROOT / "tests/flows" / test).is_file() for test in COVERED_BY.values())


@pytest.mark.parametrize("component", [*COMPONENTS, "common", "media", "nn"])
def test_every_module_of_components_has_a_test_or_a_tested_neighbor_that_imports_it(component: str) -> None:
    folder, tests = ROOT / "components" / component, ROOT / "tests/components" / component
    modules = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in folder.rglob("[!_]*.py")}
    imports = {path: imported(path) for path in [*modules, *ROOT.glob("tests/components/**/test_*.py")]}
    tested = {path for path in modules if (tests / path.relative_to(folder).with_name(f"test_{path.name}")).is_file()}
    covering = {path for path in imports if path in tested or path.name.startswith("test_")}
    alone = {
        path for path in modules if path not in tested and not any(modules[path] in imports[one] for one in covering)
    }
    assert not alone, ", ".join(sorted(map(name, alone)))


def test_a_class_name_stands_for_one_thing() -> None:
    classes = [
        (node.name, name(path))
        for path in [*SOURCES, *ROOT.glob("documentation/*.py")]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name not in OF_EVERY_COMPONENT
    ]
    places = {one: [where for other, where in classes if other == one] for one, _ in classes}
    assert {one: found for one, found in places.items() if len(found) > 1} == {}


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_no_linter_is_silenced_without_a_reason() -> None:
    for path in SOURCES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if "# noqa" in line or "# type: ignore" in line:
                assert "  # " in line.split("# noqa")[-1].split("# type: ignore")[-1], f"{name(path)}:{number}: say why"


def test_only_the_strategy_of_trainings_imports_lightning() -> None:
    importing = [name(path) for path in SOURCES if re.search(r"^\s*(from|import) lightning", path.read_text(), re.M)]
    assert importing == ["components/common/fit/strategy.py"]


def test_only_stages_that_train_pay_for_importing_lightning() -> None:
    trained = {one for one in COMPONENTS if (ROOT / "components" / one / "training.py").is_file()} | {"adapt"}
    assert {one for one in COMPONENTS if "components.common.fit.strategy" in codelock.modules(one)} == trained


def test_every_file_of_the_packages_is_in_the_wheel() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    data = {
        file
        for package, (pattern,) in setuptools["package-data"].items()
        for file in ROOT.glob(f"{package.replace('.', '/')}/{pattern}")
    }
    listed = subprocess.run(
        ["git", "ls-files", "flows", "components"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = {ROOT / file for file in listed.stdout.splitlines() if not file.endswith(".py")}
    assert files == data, "name them in package-data of pyproject.toml"
