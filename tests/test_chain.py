"""The whole chain at profile `test`: the flow, `dvc repro` and killed trainings end with the same hashes."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.generate.data import read_table
from components.report.ops import tasks
from tests.clones import PATIENCE_S, clone, environment, lock, outputs, run, videopoet

TRAINS = ("tokenizer", "text_encoder", "judge", "language_model", "adapt", "super_resolution")

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def flow_clone(
    finished_clone: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str]]:
    """A copy of the finished clone, and what `videopoet run` printed there."""
    made, said = finished_clone
    folder = tmp_path_factory.mktemp("flow") / "clone"
    shutil.copytree(made, folder, symlinks=True)
    yield folder, said
    shutil.rmtree(folder)


def test_a_run_ends_with_a_report_and_three_videos_that_it_names(flow_clone: tuple[Path, str]) -> None:
    folder, said = flow_clone
    assert (folder / "report/index.html").is_file()
    assert "report/index.html" in said
    assert sum(word.endswith(".mp4") for word in said.split()) >= 3


def test_the_report_has_words_for_every_task_of_the_samples(flow_clone: tuple[Path, str]) -> None:
    folder, _ = flow_clone
    made = {sample.task for sample in read_table(folder / "data/samples")}
    assert len(made) > 10
    assert all(tasks.described(name) for name in made)


def test_data_docs_have_a_page_for_the_gate_of_each_boundary(flow_clone: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = flow_clone
    pages = tmp_path / "pages"
    assert f"{pages}/index.html" in videopoet(folder, "card", "--data-docs", str(pages))
    found = {
        path.parts[0]: path for path in (page.relative_to(pages / "validations") for page in pages.rglob("*-*.html"))
    }
    assert found.keys() == {"clips", "kept clips", "tokens"}
    assert all("Succeeded" in (pages / "validations" / path).read_text() for path in found.values())


def test_a_second_run_starts_no_stage(flow_clone: tuple[Path, str]) -> None:
    folder, _ = flow_clone
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/*/manifest.json")}
    videopoet(folder, "run")
    assert before
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*/*/manifest.json")} == before


def test_a_changed_filter_parameter_plans_the_filter_and_its_descendants_only(flow_clone: tuple[Path, str]) -> None:
    folder, _ = flow_clone
    original = (folder / "params.yaml").read_text()
    params = yaml.safe_load(original)
    params["filter"]["visual"]["min_motion"] *= 2
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    said = videopoet(folder, "plan")
    (folder / "params.yaml").write_text(original)
    lines = {line.split()[0]: line for line in said.splitlines() if line.split()}
    assert "filter.visual.min_motion" in said
    assert {name for name in ("corpus", "ingest", "pretrained") if "up to date" in lines[name]} == {
        "corpus",
        "ingest",
        "pretrained",
    }
    assert "up to date" not in lines["filter"] + lines["judge"] + lines["report"]


def test_dvc_repro_with_every_training_killed_once_gives_the_hashes_of_the_undisturbed_flow(
    flow_clone: tuple[Path, str], tmp_path: Path
) -> None:
    folder = clone(tmp_path)
    graph = lock(flow_clone[0])
    waiting: list[str] = []  # for one `dvc repro` of them all, which takes seconds to start
    for stage in run(folder, "dvc", "stage", "list", "--name-only").split():
        if any(word in stage for word in TRAINS):
            if _paths(graph[stage]["deps"]) & _paths(out for one in waiting for out in graph[one]["outs"]):
                run(folder, "dvc", "repro", "--quiet", "--single-item", *waiting)
                waiting.clear()
            _kill_in_the_middle(folder, graph[stage]["cmd"], stage)
        waiting.append(stage)
    run(folder, "dvc", "repro", "--quiet", "--single-item", *waiting)
    assert outputs(folder) == outputs(flow_clone[0])
    assert lock(folder) == graph


def _paths(items: Iterable[Mapping[str, Any]]) -> set[str]:
    return {item["path"] for item in items}


def _kill_in_the_middle(folder: Path, command: str, stage: str) -> None:
    """Start a training by its own command and kill -9 its process group as soon as it has a checkpoint."""
    started = subprocess.Popen(
        command,
        shell=True,
        cwd=folder,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    scratch = folder / ".videopoet/scratch"
    deadline = time.monotonic() + PATIENCE_S
    known = set(scratch.rglob("checkpoint.pt"))
    while started.poll() is None and not set(scratch.rglob("checkpoint.pt")) - known:
        assert time.monotonic() < deadline, f"{stage} writes no checkpoint"
        time.sleep(0.01)
    if started.poll() is None:
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert set(scratch.rglob("checkpoint.pt")) - known, f"{stage} wrote no checkpoint"
