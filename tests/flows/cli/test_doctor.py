from importlib import metadata
from pathlib import Path

from flows.cli import doctor
from flows.machine.workspace import Workspace


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
        "store",
        "repository",
        "codecs",
    ]
    assert [checks[name].remedy for name in ("python", "versions", "store", "repository", "codecs")] == [""] * 5


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
    assert found(checkout)["remote"].remedy == "dvc remote modify a verify true"
    Path(".dvc/config.local").write_text("['remote \"a\"']\n    verify = true\n")
    assert "remote" not in found(checkout)
