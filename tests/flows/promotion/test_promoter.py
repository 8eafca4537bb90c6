"""A graph of models, a judge and scores, in a fresh git and DVC checkout: what is trained decides what is scored."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from flows.machine.workspace import Workspace
from flows.promotion.promoter import Promoter, Promotion
from flows.runs import run_records
from flows.runs.registry import Registry
from tests.flows.conftest import Checkout

GRAPH = """
stages:
  train:
    cmd: python components/work.py train models/net
    params: [train]
    outs: [models/net]
  judge:
    cmd: python components/work.py judge models/judge
    params: [judge]
    outs: [models/judge]
  generate:
    cmd: python components/work.py generate out/samples models/net
    deps: [models/net]
    params: [generate]
    outs: [out/samples]
  evaluate:
    cmd: python components/work.py evaluate metrics out/samples models/judge
    deps: [out/samples, models/judge]
    params: [evaluate]
    outs: [metrics]
"""
WORK = """
import csv, json, pathlib, sys, yaml
name, output, *inputs = sys.argv[1:]
section = yaml.safe_load(pathlib.Path("params.yaml").read_text())[name]
given = [json.loads((pathlib.Path(path) / "value.json").read_text()) for path in inputs]
folder = pathlib.Path(output)
folder.mkdir(parents=True)
if name == "evaluate":
    share, strictness = given
    hits = [int(number < section["samples"] * share * strictness) for number in range(section["samples"])]
    rows = [(f"t2v-{number}", "text_to_video", "motion", hit) for number, hit in enumerate(hits)]
    with (folder / "measures.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("sample_id", "task", "measure", "value"), *rows])
    score = {"task": "text_to_video", "name": "motion", "value": sum(hits) / len(hits), "better": "higher"}
    (folder / "scores.json").write_text(json.dumps([score]))
else:
    value = given[0] + section["value"] if given else section["value"]
    (folder / "value.json").write_text(json.dumps(value))
"""
MOTION = "text_to_video/motion"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_registry: str) -> Checkout:
    """Nothing has run; the registry is empty."""
    root = tmp_path / "checkout"
    (root / "components").mkdir(parents=True)
    (root / "dvc.yaml").write_text(GRAPH)
    (root / "components/work.py").write_text(WORK)
    (root / ".gitignore").write_text("/out/\n/models/\n/metrics/\n.videopoet/\n")
    monkeypatch.chdir(root)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    subprocess.run(["git", "init", "-q"], check=True)
    Repo.init().close()
    return Checkout(root)


def parameters(checkout: Checkout, value: object, *, strictness: float = 0.0, floor: float = 0.1) -> None:
    """Ask for a model that is right on a share `value` of 100 samples."""
    params = {
        "gate": {"better": [MOTION], "not_worse": [], "floors": {MOTION: floor}},
        "train": {"value": value},
        "judge": {"value": 1.0 - strictness},
        "generate": {"value": 0.0},
        "evaluate": {"samples": 100},
    }
    (checkout.root / "params.yaml").write_text(yaml.safe_dump(params))


def trained(checkout: Checkout, value: float, *, strictness: float = 0.0, floor: float = 0.1) -> None:
    """Bring the graph up to date with such a model; write the record."""
    parameters(checkout, value, strictness=strictness, floor=floor)
    outcomes = checkout.bring()
    coordinator = checkout.coordinator()
    entries = {name: outcome.entry for name, outcome in outcomes.items()}
    run_records.write(Workspace(checkout.root), coordinator.repository, coordinator.graph, entries)


def promoted(checkout: Checkout) -> Promotion:
    """Let the gate decide about what is there now, and do as it says."""
    promoter = Promoter(Workspace(checkout.root), lambda _: None)
    found = promoter.decide()
    promoter.carry_out(found)
    return found


def aliases() -> dict[str, str]:
    return {alias: found.run for found in Registry(os.environ["MLFLOW_TRACKING_URI"]).all() for alias in found.aliases}


def test_a_decision_without_any_rule_says_so():
    assert Promotion("new", "", ()).lines[1] == "no rule applies: nothing was checked (section `gate`)"


def test_the_first_run_that_keeps_the_floors_is_champion(checkout: Checkout):
    trained(checkout, 0.05)
    low = promoted(checkout)
    trained(checkout, 0.5)
    high = promoted(checkout)
    assert (low.passed, high.passed, high.champion) == (False, True, "")
    assert aliases() == {"champion": high.candidate}
    for found, decision in ((low, "refused"), (high, "promoted")):  # the page of each record says so
        page = (checkout.root / ".videopoet/runs" / found.candidate / "index.html").read_text()
        assert f">{decision}</strong>" in page


def test_a_better_model_replaces_the_champion_and_one_within_the_noise_does_not(checkout: Checkout):
    trained(checkout, 0.5)
    first = promoted(checkout)
    trained(checkout, 0.51)
    same = promoted(checkout)
    assert (same.passed, same.champion) == (False, first.candidate)
    assert aliases() == {"champion": first.candidate, "candidate": same.candidate}
    trained(checkout, 0.8)
    better = promoted(checkout)
    assert better.passed
    assert aliases() == {"champion": better.candidate, "previous": first.candidate}


def test_the_champion_is_scored_again_by_the_candidates_judge(checkout: Checkout):
    trained(checkout, 0.5)
    promoted(checkout)
    trained(checkout, 0.8, strictness=0.5)  # alone, its 0.4 would lose to the champion's 0.5 of its own day
    found = promoted(checkout)
    comparison = next(verdict for verdict in found.verdicts if verdict.rule == "better")
    assert (comparison.champion, comparison.candidate, found.passed) == (0.25, 0.4, True)


def test_the_champions_models_come_from_the_cache_after_its_results_are_gone(checkout: Checkout):
    trained(checkout, 0.5)
    promoted(checkout)
    trained(checkout, 0.8)
    before = checkout.lock()
    found = Promoter(Workspace(checkout.root), lambda _: None).decide()
    assert found.passed
    assert json.loads((checkout.root / "models/net/value.json").read_text()) == 0.8  # the workspace is as it was
    assert checkout.lock() == before


def test_a_champion_whose_models_are_nowhere_is_named(checkout: Checkout):
    trained(checkout, 0.5)
    champion = promoted(checkout).candidate
    trained(checkout, 0.8)
    shutil.rmtree(checkout.root / ".dvc/cache/files")
    with pytest.raises(ValueError, match=f"models/net of {champion}"):
        Promoter(Workspace(checkout.root), lambda _: None).decide()


def test_what_is_not_up_to_date_is_not_promoted(checkout: Checkout):
    trained(checkout, 0.5)
    params = yaml.safe_load((checkout.root / "params.yaml").read_text())
    (checkout.root / "params.yaml").write_text(yaml.safe_dump(params | {"train": {"value": 0.9}}))
    with pytest.raises(ValueError, match="not up to date: train"):
        Promoter(Workspace(checkout.root), lambda _: None).decide()


def test_every_decision_is_kept_with_its_table(checkout: Checkout):
    trained(checkout, 0.5)
    first = promoted(checkout)
    trained(checkout, 0.4)
    second = promoted(checkout)
    found = [json.loads(path.read_text()) for path in (checkout.root / ".videopoet/decisions").glob("*.json")]
    assert {(table["candidate"], table["decision"]) for table in found} == {
        (first.candidate, "promoted"),
        (second.candidate, "refused"),
    }
    assert all(table["verdicts"] for table in found)
