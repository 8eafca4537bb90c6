"""A small real repository to run: six stages of one script, in a fresh git and DVC checkout."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from dvc.repo import Repo

from flows.dvc.repository import Repository
from flows.execution.coordinator import Coordinator, Outcome
from flows.execution.local import LocalExecutor
from flows.execution.plan import Decision, plan
from flows.graph.graph import Graph
from flows.machine import orchestrator
from flows.machine.workspace import Workspace
from flows.runs import run_records
from flows.runs.uploader import share

if TYPE_CHECKING:
    from tests.flows.tunable import Tunable

PROJECT = Path(__file__).parents[2]
MLFLOW = TemporaryDirectory(prefix="videopoet-mlflow-")
CODE = {"components.work.ops": "aaaa", "components.work.stage": "bbbb"}
GRAPH = """
stages:
  seed:
    cmd: python work.py seed out/seed
    deps: [codelock/work.json]
    params: [seed, formats]
    outs: [out/seed]
  left:
    cmd: python work.py left out/left out/seed
    deps: [codelock/work.json, out/seed]
    params: [left, formats]
    outs: [out/left]
  pair:
    matrix:
      side: [x, y]
    cmd: python work.py pair.${item.side} out/pair_${item.side} out/seed
    deps: [out/seed]
    params: ["pair.${item.side}"]
    outs: ["out/pair_${item.side}"]
  join:
    cmd: python work.py join out/join out/left out/pair_x out/pair_y
    deps: [out/left, out/pair_x, out/pair_y]
    params: [join]
    outs: [out/join]
  apart:
    cmd: python work.py apart out/apart
    params: [apart]
    outs: [out/apart]
"""
WORK = """
import json, os, pathlib, sys, time, yaml
name, output, *inputs = sys.argv[1:]
with open("started", "a") as file:
    print(name, file=file)
section = yaml.safe_load(pathlib.Path("params.yaml").read_text())
for part in name.split("."):
    section = section[part]
print(name, "works", flush=True)
time.sleep(float(os.environ.get("WORK_SLEEP_S", "0")))
while pathlib.Path("hold").exists():
    time.sleep(0.1)
if section.get("exit"):
    print("nothing to work on", file=sys.stderr)
    sys.exit(section["exit"])
folder = pathlib.Path(output)
folder.mkdir(parents=True)
text = "".join((pathlib.Path(path) / "text").read_text() for path in inputs)
(folder / "text").write_text(text + str(section["value"]) + "\\n")
(folder / "manifest.json").write_text(json.dumps({"kind": name}))
(folder / "metrics.json").write_text(json.dumps({"letters[judge]": len(text)}))
"""
PARAMS: dict[str, Any] = {
    "formats": {"fps": 8},
    "seed": {"value": 1, "threads": 1},
    "left": {"value": 2, "threads": 2},
    "pair": {"x": {"value": 3, "threads": 1}, "y": {"value": 4, "threads": 1}},
    "join": {"value": 5, "threads": 1},
    "apart": {"value": 6, "threads": 1},
}


@dataclass(frozen=True)
class Checkout:
    """A repository of six small stages."""

    root: Path

    def write(self, **values: object) -> None:
        """Write params.yaml: PARAMS with `values` by key, `pair_x__exit=1` for pair.x.exit."""
        params = yaml.safe_load(yaml.safe_dump(PARAMS))
        for key, value in values.items():
            *path, last = key.replace("pair_", "pair__").split("__")
            section = params
            for part in path:
                section = section[part]
            section[last] = value
        (self.root / "params.yaml").write_text(yaml.safe_dump(params))

    def decisions(self) -> dict[str, Decision]:
        repository = Repository(self.root)
        graph = repository.graph()
        seen = Workspace(self.root).folder("code")
        return {made.stage.name: made for made in plan(graph, graph.stages, repository, seen)}

    def coordinator(self, *targets: str) -> Coordinator:
        repository = Repository(self.root)
        graph = repository.graph()
        workspace, stages = Workspace(self.root), graph.upstream_of(targets)
        return Coordinator(workspace, repository, graph, stages, LocalExecutor(workspace, repository, stages))

    def bring(self, *targets: str, force: bool = False) -> dict[str, Outcome]:
        """Bring everything up to date, one stage after the other and without Prefect."""
        coordinator = self.coordinator(*targets)
        stages = coordinator.graph.upstream_of(targets)
        return {stage.name: coordinator.ensure_up_to_date(stage, lambda _: None, force=force) for stage in stages}

    def record(self) -> Path:
        """Bring everything up to date, write the record and push it all to the default remote; the record's folder."""
        outcomes = self.bring()
        repository = Repository(self.root)
        entries = {name: outcome.entry for name, outcome in outcomes.items()}
        folder = run_records.write(Workspace(self.root), repository, repository.graph(), entries)
        share(repository, entries.keys(), folder, pytest.fail)
        return folder

    def graph(self) -> Graph:
        return Repository(self.root).graph()

    def started(self) -> list[str]:
        """Names of the stages that started since the last call."""
        path = self.root / "started"
        names = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return names

    def lock(self) -> str:
        return (self.root / "dvc.lock").read_text()

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1", **more}

    def repro(self) -> None:
        subprocess.run(["dvc", "repro", "-q"], cwd=self.root, check=True, env=self.environment())


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two checkouts, made once and copied by each test: `fresh`, and `made`, in which every stage has run."""
    folder = tmp_path_factory.mktemp("templates")
    fresh, made = Checkout(folder / "fresh"), Checkout(folder / "made")
    (fresh.root / "codelock").mkdir(parents=True)
    fresh.write()
    (fresh.root / "dvc.yaml").write_text(GRAPH)
    (fresh.root / "work.py").write_text(WORK)
    (fresh.root / "codelock/work.json").write_text(json.dumps(CODE) + "\n")
    (fresh.root / ".gitignore").write_text("/out/\n/started\n.videopoet/\n")
    with pytest.MonkeyPatch.context() as patch:
        settle(patch, fresh.root)
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", "init", "-q"], check=True)
        Repo.init().close()
        for command in (["add", "-A"], [*identity, "commit", "-qm", "start"]):
            subprocess.run(["git", *command], check=True)
        shutil.copytree(fresh.root, made.root)
        settle(patch, made.root)
        made.bring()
        made.started()
    return folder


@pytest.fixture
def checkout(templates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A fresh checkout, and the current folder in it."""
    return _copy(templates / "fresh", tmp_path / "checkout", monkeypatch)


@pytest.fixture
def made(templates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A checkout in which every stage has run, and the current folder in it."""
    return _copy(templates / "made", tmp_path / "checkout", monkeypatch)


def _copy(template: Path, root: Path, patch: pytest.MonkeyPatch) -> Checkout:
    shutil.copytree(template, root)
    settle(patch, root)
    return Checkout(root)


def settle(patch: pytest.MonkeyPatch, root: Path) -> None:
    """Work in `root`: with this Python, DVC's site cache beside it, and one MLflow store for all."""
    patch.chdir(root)
    patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    patch.setenv("DVC_SITE_CACHE_DIR", str(root.parent / "site"))
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{MLFLOW.name}/mlflow.db")


@pytest.fixture
def remote(checkout: Checkout) -> Path:
    """The default remote of `checkout`: a folder beside it, empty."""
    subprocess.run(["dvc", "remote", "add", "-q", "--default", "store", "../store"], cwd=checkout.root, check=True)
    return checkout.root.parent / "store"


@pytest.fixture
def elsewhere(templates: Path, checkout: Checkout, remote: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Another checkout with the same remote, in which nothing has run. The current folder stays in `checkout`."""
    other = _copy(templates / "fresh", checkout.root.parent / "elsewhere", monkeypatch)
    shutil.copy2(checkout.root / ".dvc/config", other.root / ".dvc/config")
    monkeypatch.chdir(checkout.root)
    return other


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store with its tables and nothing in them: making those takes seconds."""
    from flows.runs.tracking import client

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    client(f"sqlite:///{path}").search_registered_models()
    return path


@pytest.fixture
def empty_registry(mlflow_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of an MLflow store of the test's own."""
    shutil.copyfile(mlflow_template, tmp_path / "registry.db")
    address = f"sqlite:///{tmp_path}/registry.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    return address


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Prefect server for all tests, protected as the temporary one of a run; its address."""
    string = orchestrator.string(tmp_path_factory.mktemp("prefect"))
    os.environ[orchestrator.CLIENT_AUTH] = string  # for the commands that tests start
    from prefect import settings
    from prefect.testing.utilities import prefect_test_harness

    told = (
        orchestrator.SETTINGS
        | orchestrator.TEMPORARY
        | dict.fromkeys((orchestrator.CLIENT_AUTH, orchestrator.SERVER_AUTH), string)
    )
    known = {getattr(settings, name): value for name, value in told.items() if name.startswith("PREFECT_")}
    with settings.temporary_settings(known), prefect_test_harness(server_startup_timeout=180):
        yield str(settings.PREFECT_API_URL.value())


@pytest.fixture(scope="session")
def crowned(mlflow_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with a graph of its own for fine-tunes, made once: its run is champion. The remote has all of it."""
    from tests.flows import tunable

    folder = tmp_path_factory.mktemp("crowned")
    root = folder / "checkout"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        settle(patch, root)
        shutil.copyfile(mlflow_template, folder / "registry.db")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/registry.db")
        subprocess.run(["git", "init", "-q"], check=True)
        Repo.init().close()
        found = tunable.lay(root)
        subprocess.run(["dvc", "remote", "add", "-q", "--default", "store", "../store"], check=True)
        tunable.commit()
        found.crown()
    return folder


@pytest.fixture
def tunable(crowned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Tunable":
    """The current folder: a checkout whose run is champion, with its remote and registry."""
    from tests.flows.tunable import Tunable

    shutil.copytree(crowned, tmp_path, dirs_exist_ok=True)
    settle(monkeypatch, tmp_path / "checkout")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/registry.db")
    return Tunable(tmp_path / "checkout")
