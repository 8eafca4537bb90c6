"""What a pod does, in a folder of its own, without a cluster."""

import json
import os
import shutil
import socket
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from components.common import errors
from flows.dvc.handoff import RemoteHandoff, lock
from flows.dvc.repository import Repository
from flows.graph import fingerprint
from flows.graph.graph import LockEntry
from flows.kubernetes import pod
from flows.kubernetes.pod import TerminationMessage
from flows.machine.processes import ProcessResult


@pytest.fixture
def requested(checkout, tmp_path, monkeypatch) -> Path:
    """A request for `left`, whose input is in the remote; the current folder is an empty one."""
    Path(".dvc/config").write_text(f"[core]\n    remote = shared\n['remote \"shared\"']\n    url = {tmp_path}/remote\n")
    checkout.bring("seed")
    checkout.started()
    repository = Repository(checkout.root)
    handoff, left = RemoteHandoff(repository), repository.graph().by_name["left"]
    repository.push(["seed"])
    deps = {path: repository.item("left", path) for path in left.deps}
    folder, work = tmp_path / "request", tmp_path / "work"
    for path in (folder, work):
        path.mkdir()
    (folder / "dvc.lock").write_text(lock("left", LockEntry(left.cmd, left.params, deps, {})))
    (folder / "config").write_text(handoff.config())
    for file in ("dvc.yaml", "params.yaml"):
        shutil.copy(file, folder)
    monkeypatch.chdir(work)
    return folder


def fetch(requested: Path) -> int:
    return pod.main(["fetch", "--stage=left", "--message=../said", f"--request={requested}", "--code=../checkout"])


def run(*more: str) -> tuple[int, TerminationMessage]:
    code = pod.main(["run", "--stage=left", "--message=../said", *more])
    return code, TerminationMessage.read(Path("../said").read_text())


def test_only_the_inputs_of_the_stage_are_fetched_and_what_it_makes_is_pushed(requested, tmp_path):
    assert fetch(requested) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["seed"]
    code, message = run()
    assert code == 0
    assert message.said == "left works"
    assert message.took.peak_bytes > 0
    assert message.took.written_bytes >= len(Path("out/left/text").read_bytes())
    assert message.numerics == fingerprint.current(2)
    handoff = RemoteHandoff(Repository(Path.cwd()))
    entry = handoff.entry(message.entry)
    assert set(entry.outs) == {"out/left"}
    assert not handoff.remote.missing(entry.outs)


def test_an_input_that_is_not_what_was_asked_for_is_a_passing_fault(requested):
    fetch(requested)
    text = Path("out/seed/text")
    text.chmod(0o644)
    text.unlink()
    text.write_text("other\n")
    code, message = run()
    assert code == errors.RETRY
    assert "out/seed is incomplete" in message.said
    assert not Path("started").exists()


def test_an_input_that_the_remote_lacks_is_a_passing_fault(requested, tmp_path, monkeypatch):
    monkeypatch.setattr(pod, "with_retries", lambda call, _: call())
    shutil.rmtree(tmp_path / "remote/files")
    assert fetch(requested) == errors.RETRY
    assert "remote" in TerminationMessage.read(Path("../said").read_text()).said


def test_of_several_pods_only_the_first_pushes_and_a_launcher_stands_before_the_stage(requested, tmp_path):
    fetch(requested)
    before = {path for path in (tmp_path / "remote").rglob("*") if path.is_file()}
    code, message = run("--rank=1", "--launcher=echo launched")
    assert (code, message.entry) == (0, "")
    assert message.said == "launched work.py left out/left out/seed"
    assert {path for path in (tmp_path / "remote").rglob("*") if path.is_file()} == before


def test_a_pods_stage_is_not_told_what_opens_prefect(requested, monkeypatch, capfd):
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "videopoet:not-for-stages")
    fetch(requested)
    assert run("--rank=1", "--launcher=env; true")[0] == 0
    told = capfd.readouterr().out
    assert f"PATH={os.environ['PATH']}" in told
    assert "not-for-stages" not in told


def test_a_pods_metrics_are_for_all_who_its_policies_let_in(requested):
    fetch(requested)
    with socket.socket() as found:
        found.bind(("", 0))
        port = found.getsockname()[1]
    asks = f"import socket; socket.create_connection(('127.0.0.2', {port}))"
    code, message = run(
        "--rank=1", f"--metrics-port={port}", f'--launcher={sys.executable} -c "{asks}" && echo reached'
    )
    assert (code, message.said.partition(" ")[0]) == (0, "reached")


def test_the_stages_code_is_the_pods(requested, tmp_path):
    fetch(requested)
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("value: 2", "exit: 65\n  value: 2"))
    code, message = run()
    assert (code, message.said.partition(":")[0]) == (errors.CONFIGURATION, IMAGE_DIFFERS)


IMAGE_DIFFERS = "this image holds other code than requested (its parameters)"


@pytest.mark.parametrize("text", ["", "Killed", "12", '{"other": 1}', "[]"])
def test_a_message_may_be_any_text(text):
    assert TerminationMessage.read(text) == TerminationMessage(said=text)


def test_a_message_fits_where_it_is_written():
    message = TerminationMessage(
        "0" * 32,
        "x" * pod.SAID_CHARACTERS,
        ProcessResult(0, 1e9, 1e9, 2**50, 2**60, 2**60, 1e9, 1e9),
        fingerprint.current(1),
    )
    assert len(json.dumps(asdict(message))) < 4096
