"""Reproduction from the remote alone: the checkout that made the run is gone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from components.ingest import sources
from flows.machine.workspace import Workspace
from flows.runs import run_records, source_archive

pytestmark = pytest.mark.slow
NOISY = """
import json, os, pathlib, struct
noise = float(os.environ.get("NOISE", "0"))
folder = pathlib.Path("out/apart")
(folder / "metrics.json").write_text(json.dumps({"loss": 2.0 + noise}))
header = json.dumps({"weights": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
numbers = struct.pack("<2f", 1.0, 4.0 + noise)
(folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + numbers)
"""


def videopoet(checkout: Any, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "flows.cli", *arguments]
    given = checkout.environment(**environment)
    return subprocess.run(command, cwd=checkout.root, env=given, capture_output=True, text=True, check=False)


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def verdicts(folder: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((folder / "verdict.json").read_text())
    return {verdict["stage"]: verdict for verdict in found["stages"]}


def tamper(checkout: Any, name: str, **changes: Any) -> Path:
    """Fetch the record into a checkout and change values of its record.json."""
    os.chdir(checkout.root)
    folder = run_records.find(Workspace(checkout.root), name)
    path = folder / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


def test_from_the_remote_alone_every_stage_is_identical_and_nothing_of_the_user_is_touched(
    checkout, elsewhere, prefect_server
):
    name = checkout.record().name
    shutil.rmtree(checkout.root)
    done = videopoet(elsewhere, "reproduce", name[:6], PREFECT_API_URL=prefect_server)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = elsewhere.root / ".videopoet/reproduce" / name
    assert {found["kind"] for found in verdicts(folder).values()} == {"identical"}
    assert len((folder / "started").read_text().split()) == len(verdicts(folder)) == 6
    assert "6 identical" in done.stdout
    assert not (elsewhere.root / "dvc.lock").exists()
    assert not (elsewhere.root / "out").exists()
    assert not (elsewhere.root / ".dvc/cache").exists()
    again = videopoet(elsewhere, "reproduce", name, PREFECT_API_URL=prefect_server)
    assert again.returncode == 0
    assert "nothing to run" in again.stdout
    assert len((folder / "started").read_text().split()) == 6


def test_as_a_flow_it_ends_with_the_verdicts_as_its_words(checkout, elsewhere, prefect_server, monkeypatch):
    from flows.reproduce import reproduce

    edit("dvc.yaml", "apart out/apart", "apart out/apart && date +%s%N > out/apart/noise")
    name = checkout.record().name
    monkeypatch.chdir(elsewhere.root)
    state = reproduce(name[:6], "join", return_state=True)
    assert state.is_completed()
    assert "identical         join" in state.message
    assert state.message.endswith("1 identical")
    state = reproduce(name[:6], "apart", return_state=True)
    assert state.is_failed()
    assert "out/apart/noise: its bytes differ" in state.message


def test_one_changed_byte_of_an_input_is_named_and_so_is_all_that_came_of_it(checkout, elsewhere, prefect_server):
    Path("letters").mkdir()
    Path("letters/text").write_text("abc\n")
    subprocess.run(["git", "add", "letters"], check=True)
    edit("dvc.yaml", "left out/left out/seed", "left out/left out/seed letters")
    edit("dvc.yaml", "deps: [codelock/work.json, out/seed]", "deps: [codelock/work.json, out/seed, letters]")
    name = checkout.record().name
    shutil.rmtree(checkout.root)
    os.chdir(elsewhere.root)
    archive = run_records.find(Workspace(elsewhere.root), name) / "source.tar.gz"
    source_archive.unpack(archive, Path("unpacked"))
    Path("unpacked/letters/text").write_text("abd\n")
    with tarfile.open(archive, "w:gz") as tar:
        for path in Path("unpacked").rglob("*"):
            tar.add(path, arcname=path.relative_to("unpacked"), recursive=False)
    done = videopoet(elsewhere, "reproduce", name, PREFECT_API_URL=prefect_server)
    assert done.returncode == 1
    found = verdicts(elsewhere.root / ".videopoet/reproduce" / name)
    assert {stage for stage, verdict in found.items() if verdict["kind"] == "different"} == {"left", "join"}
    assert {verdict["kind"] for verdict in found.values()} == {"different", "identical"}
    left, join = found["left"]["reasons"], found["join"]["reasons"]
    assert any(reason.startswith("input letters has changed: ") for reason in left)
    assert "out/left/text: its bytes differ" in left
    assert {"input out/left is different", "out/join/text: its bytes differ"} <= set(join)
    assert not any("metrics.json" in reason for reason in join)
    assert "out/left/text: its bytes differ" in done.stdout


def test_a_stage_alone_gets_its_inputs_by_hash_and_nothing_else_runs(checkout, elsewhere):
    name = checkout.record().name
    shutil.rmtree(checkout.root)
    done = videopoet(elsewhere, "reproduce", name, "--stage", "jo")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = elsewhere.root / ".videopoet/reproduce" / f"{name}.join"
    assert {stage: found["kind"] for stage, found in verdicts(folder).items()} == {"join": "identical"}
    assert (folder / "started").read_text() == "join\n"
    assert (folder / "out/pair_x/text").read_text() == "1\n3\n"
    assert not (folder / "out/seed").exists()


def test_a_stage_that_is_not_deterministic_is_different_and_its_file_is_named(checkout, elsewhere):
    edit("dvc.yaml", "apart out/apart", "apart out/apart && date +%s%N > out/apart/noise")
    name = checkout.record().name
    done = videopoet(elsewhere, "reproduce", name, "--stage", "apart")
    assert done.returncode == 1
    (verdict,) = verdicts(elsewhere.root / ".videopoet/reproduce" / f"{name}.apart").values()
    assert (verdict["kind"], verdict["reasons"]) == ("different", ["out/apart/noise: its bytes differ"])


def test_what_differs_a_little_is_within_tolerance_on_another_machine_only(checkout, elsewhere):
    Path("noisy.py").write_text(NOISY)
    subprocess.run(["git", "add", "noisy.py"], check=True)
    edit("dvc.yaml", "apart out/apart", "apart out/apart && python noisy.py")
    name = checkout.record().name

    def reproduced(into: str, noise: float) -> tuple[str, str]:
        videopoet(elsewhere, "reproduce", name, "--stage", "apart", "--into", into, NOISE=str(noise))
        (verdict,) = verdicts(elsewhere.root / into).values()
        return verdict["kind"], "\n".join(verdict["reasons"])

    kind, words = reproduced("same", 0.01)
    assert kind == "different"
    assert "out/apart/metrics.json: loss 2.0 → 2.01" in words
    assert "out/apart/model.safetensors: largest absolute difference 0.01, in weights" in words
    record = run_records.read(tamper(elsewhere, name))
    record["took"]["apart"]["numerics"]["processor"] = "another"
    tamper(elsewhere, name, took=record["took"])
    kind, words = reproduced("near", 0.01)
    assert kind == "within tolerance"
    assert "processor another → " in words
    assert "all numbers agree within 5.0%" in words
    kind, words = reproduced("far", 1.0)
    assert kind == "different"
    assert "out/apart/model.safetensors: largest absolute difference 1, in weights" in words
    assert reproduced("equal", 0.0)[0] == "identical"


def test_a_record_that_was_changed_and_libraries_that_changed_are_warned_of(checkout, elsewhere):
    name = checkout.record().name
    record = run_records.read(tamper(elsewhere, name))
    outputs = record["outputs"] | {"out/apart": f"{'0' * 32}.dir"}
    numerics = record["numerics"] | {"versions": {"torch": "1.0"}}
    tamper(elsewhere, name, outputs=outputs, numerics=numerics)
    (elsewhere.root / ".videopoet/runs" / name / "constraints.txt").write_text("torch==1.0\n")
    done = videopoet(elsewhere, "reproduce", name, "--stage", "apart")
    assert done.returncode == 1
    assert "was changed after it was written" in done.stderr
    assert "library versions have changed since: torch 1.0 → " in done.stderr
    assert "out/apart: the record's hash does not match its own list of files" in done.stdout


def test_a_users_own_media_must_be_at_hand(checkout, elsewhere, tmp_path):
    Path("data").mkdir()
    sources.write(Path("data/sources.parquet"), [sources.Source("mine", "a.mp4", 3, "0" * 64)])
    edit("dvc.yaml", "params: [apart]", "params: [apart]\n    deps: [data/sources.parquet]")
    name = checkout.record().name
    arguments = ("reproduce", name, "--stage", "apart")
    done = videopoet(elsewhere, *arguments)
    assert done.returncode == 64
    assert "1 files of `mine`: give their folder by --media mine=FOLDER" in done.stderr
    done = videopoet(elsewhere, *arguments, "--media", f"mine={tmp_path}")
    assert done.returncode == 0, done.stderr
    folder = elsewhere.root / ".videopoet/reproduce" / f"{name}.apart"
    assert json.loads((folder / ".videopoet/roots.json").read_text()) == {"mine": str(tmp_path)}
    assert not (elsewhere.root / ".videopoet/roots.json").exists()


def test_a_stopped_reproduction_goes_on_where_it_was(checkout, elsewhere, prefect_server):
    name = checkout.record().name
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "reproduce", name],
        cwd=elsewhere.root,
        env=elsewhere.environment(PREFECT_API_URL=prefect_server, WORK_SLEEP_S="60"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert any("seed works" in line for line in process.stdout)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "6 not run" in said
    done = videopoet(elsewhere, "reproduce", name, PREFECT_API_URL=prefect_server)
    assert done.returncode == 0
    assert "6 identical" in done.stdout


def test_a_folder_with_something_else_in_it_is_left_alone(checkout, elsewhere):
    name = checkout.record().name
    done = videopoet(elsewhere, "reproduce", name, "--into", "codelock")
    assert done.returncode == 64
    assert "codelock exists and holds something else: choose another folder with --into" in done.stderr
