"""What a coordinator refuses of a cluster, an image or a remote, and what it says."""

import json
from pathlib import Path

import pytest

from components.common import errors
from flows.machine import run_state
from flows.machine.processes import StageFailed

pytestmark = pytest.mark.slow


def test_a_remote_that_cannot_be_used_is_a_passing_fault_and_starts_nothing(runs, cluster):
    run = runs()
    (cluster.folder / "remote").write_text("no folder")
    with pytest.raises(errors.Retryable, match="remote `shared`"):
        run.bring("seed")
    assert not cluster.jobs()
    assert run_state.read(run.coordinator.workspace).names("failed") == ["seed"]


def test_a_cluster_that_refuses_says_where_the_rights_are(runs, cluster):
    run = runs()
    cluster.api.faults.answers = [403] * 20
    with pytest.raises(ValueError, match=r"the cluster denies access .*rbac.yaml"):
        run.bring("seed")


def test_an_image_with_other_code_is_refused_before_it_works(runs, cluster):
    path = cluster.image / "codelock/work.json"
    path.write_text(path.read_text().replace("aaaa", "cccc"))
    fault = runs().failure("seed")
    assert fault.code == errors.CONFIGURATION
    assert "this image holds other code than requested (codelock/work.json)" in str(fault)


def test_the_graph_goes_with_the_order_so_that_an_image_serves_more_than_one(runs, cluster, checkout):
    (cluster.image / "dvc.yaml").unlink()
    assert runs().bring("seed")[0].how == "ran"


@pytest.mark.parametrize("damage", ["entry", "output", "listing"])
def test_a_lock_entry_that_does_not_match_what_was_pushed_is_refused(runs, cluster, checkout, monkeypatch, damage):
    run = runs()
    handoff = run.coordinator.executor.handoff
    honest = handoff.entry
    folder = cluster.folder / "remote/files/md5"

    def dishonest(md5: str):
        """What the pod pushed is damaged before the coordinator looks at it."""
        if damage == "entry":
            _spoil(folder / md5[:2] / md5[2:])
        entry = honest(md5)
        if damage == "listing":
            listing = entry.outs["out/seed"].md5
            _spoil(folder / listing[:2] / listing[2:])
        if damage == "output":
            next(path for path in folder.rglob("*") if path.is_file() and path.read_bytes() == b"1\n").unlink()
        return entry

    monkeypatch.setattr(handoff, "entry", dishonest)
    with pytest.raises(ValueError, match=r"has another hash|incomplete in the remote"):
        run.bring("seed")
    assert not Path("dvc.lock").exists()
    if damage == "listing":  # it stays in the remote until a person has looked at it, and nothing is pushed over it
        with pytest.raises(StageFailed, match=r"`shared`.* is refused: its content of out/seed"):
            runs().bring("seed")
        next(folder.rglob("*.dir")).unlink()
    outcome = runs().bring("seed")[0]
    assert outcome.how == ("restored" if damage == "entry" else "ran")
    assert not handoff.remote.missing(outcome.entry.outs)


def _spoil(path: Path) -> None:
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content.replace(b"seed", b"weed") if b"seed" in content else b"[]")


def test_the_entry_of_another_stage_is_refused(runs, cluster, checkout):
    run = runs()
    run.bring("seed")
    md5 = run.coordinator.executor.handoff.push_entry("seed")
    stage = run.coordinator.graph.by_name["left"]
    request = run.coordinator.executor._request(stage, {})
    with pytest.raises(ValueError, match=r"refused: the command differs, the parameters differ"):
        run.coordinator.executor._collect(stage, request, md5)


def test_pods_are_told_the_addresses_of_stores_but_no_folder_of_this_machine(runs, cluster, checkout):
    run = runs()
    roots = {"far": "s3://bucket/clips", "near": "/somewhere"}
    run.coordinator.workspace.roots.write_text(json.dumps(roots))
    request = run.coordinator.executor._request(run.coordinator.graph.by_name["seed"], {})
    assert json.loads(request.files["roots.json"]) == {"far": "s3://bucket/clips"}


def test_without_a_remote_the_reason_is_said(runs, cluster):
    Path(".dvc/config").write_text("")
    with pytest.raises(ValueError, match="dvc remote add"):
        runs()


def test_without_a_cluster_the_reason_is_said(runs, cluster, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", "nowhere")
    with pytest.raises(ValueError, match="no cluster is configured"):
        runs()
