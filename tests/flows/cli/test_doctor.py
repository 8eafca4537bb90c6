import os
import socket
import threading
from importlib import metadata
from pathlib import Path

import pytest

from flows.cli import doctor
from flows.dvc.remote import Remote
from flows.machine.workspace import Workspace
from tests.flows.kubernetes.api import kubeconfig


def found(checkout) -> dict[str, doctor.Check]:
    return {check.name: check for check in doctor.checks(Workspace(checkout.root))}


def test_a_good_machine_has_every_check_and_needs_nothing(checkout):
    Path("constraints.txt").write_text(f"numpy=={metadata.version('numpy')}\nnot-installed==1.0\n# a comment\n")
    checks = found(checkout)
    assert list(checks) == [
        "python",
        "versions",
        "disk",
        "memory",
        "threads",
        "precision",
        "gpu",
        "store",
        "repository",
        "codecs",
        "port",
    ]
    named = ("python", "versions", "gpu", "store", "repository", "codecs", "port")
    assert [checks[name].remedy for name in named] == [""] * len(named)


def test_another_version_is_named_with_the_remedy(checkout):
    Path("constraints.txt").write_text("numpy==0.1\ntorch==" + metadata.version("torch").partition("+")[0] + "\n")
    check = found(checkout)["versions"]
    assert check.found == f"numpy {metadata.version('numpy')} instead of 0.1"
    assert "pip install" in check.remedy


def test_a_hidden_lock_file_is_noticed_before_dvc_refuses(checkout):
    Path(".gitignore").write_text("dvc.lock\n")
    assert "remove `dvc.lock`" in found(checkout)["repository"].remedy


def test_a_folder_without_git_is_no_place_to_run(tmp_path):
    (tmp_path / "dvc.yaml").touch()
    checks = {check.name: check for check in doctor.checks(Workspace(tmp_path))}
    assert checks["repository"].found.startswith("no .git and no .dvc")
    assert checks["repository"].remedy


def test_a_processor_that_has_to_emulate_bfloat16_is_noticed(checkout, monkeypatch):
    checkout.write(left__precision="bfloat16")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "_processor", lambda: "flags: fma avx2")
    assert "float32" in found(checkout)["precision"].remedy
    assert found(checkout)["precision"].found.startswith("left.precision")
    monkeypatch.setattr(doctor, "_processor", lambda: "flags: fma avx2 amx_bf16")
    assert found(checkout)["precision"].remedy == ""


def test_a_missing_codec_is_named(checkout, monkeypatch):
    monkeypatch.setattr(doctor, "READS", ("h264", "no_such_codec"))
    assert found(checkout)["codecs"].found == "no no_such_codec"


def test_a_remote_that_dvc_by_itself_would_believe_is_named(checkout):
    Path(".dvc/config").write_text("[core]\n    remote = a\n['remote \"a\"']\n    url = s3://b/%20\n")
    assert found(checkout)["verify"].remedy == "dvc remote modify a verify true"
    Path(".dvc/config.local").write_text("['remote \"a\"']\n    verify = true\n")
    assert "verify" not in found(checkout)


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch, tmp_path):
    """Neither this machine's cluster nor its servers are asked."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PREFECT_SERVER_API_PORT", str(free.getsockname()[1]))


def test_a_remote_that_answers_is_named_and_one_that_does_not_is_no_obstacle(checkout, remote):
    assert found(checkout)["remote"] == doctor.Check("remote", f"remote `store` ({remote}) answers")
    remote.write_text("no folder")
    check = found(checkout)["remote"]
    assert "cannot be used" in check.found
    assert check.remedy
    assert not check.fatal


def test_a_remote_that_keeps_silent_is_given_up(checkout, remote, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(Remote, "holds", lambda *_: over.wait())
    monkeypatch.setattr(doctor, "REMOTE_S", 2.0)
    assert found(checkout)["remote"].found == "no answer within 2 s"
    over.set()


def test_a_cluster_that_does_not_answer_is_named(checkout, monkeypatch, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "config").write_text(kubeconfig(f"http://127.0.0.1:{port}"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    check = found(checkout)["cluster"]
    assert "does not answer" in check.found
    assert "kubectl cluster-info" in check.remedy


def test_a_port_that_is_taken_is_named(checkout, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("PREFECT_SERVER_API_PORT", str(taken.getsockname()[1]))
        assert "is taken" in found(checkout)["port"].found


@pytest.mark.parametrize(("build", "remedy"), [("2.13.0+cpu", "install the CUDA build"), ("2.13.0+cu130", "")])
def test_a_gpu_that_torch_cannot_use_is_named(checkout, monkeypatch, tmp_path, build, remedy):
    smi = tmp_path / "bin/nvidia-smi"
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771, 580.65.06'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{smi.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(doctor.fingerprint, "version", lambda name: build)
    check = found(checkout)["gpu"]
    assert check.found.startswith("NVIDIA H200 (140 GiB, driver 580.65.06)")
    assert remedy in check.remedy
    assert bool(check.remedy) == bool(remedy)
