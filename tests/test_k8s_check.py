"""k8s/check.sh, with programs that only write down how they are called."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
CHECK = ROOT / "k8s/check.sh"
FAKE_KUBECTL = """#!/bin/sh
echo "kubectl $*" >>"$LOG"
case "$*" in
  "get namespace"*) exit "$NO_NAMESPACE" ;;
  "config current-context") echo fake ;;
  "apply --kustomize "*) cp "$3/kustomization.yaml" "$LOG.kustomization" ;;
esac
"""
FAKE_PYTHON = """#!/bin/sh
folder=$(basename "$PWD")
echo "$folder: $*" >>"$LOG"
case "$*" in
  "-m flows.cli runs") eval echo "\\$HASH_$folder  2026-01-01T00:00:00Z" ;;
  "-m flows.cli run"*) mkdir -p ".videopoet/runs/$(eval echo "\\$HASH_$folder")" ;;
esac
"""
SAME, OTHER = "0123456789", "9876543210"


class Check:
    """k8s/check.sh of a small repository, with programs that only write down how they are called."""

    def __init__(self, folder: Path):
        self.folder, self.log = folder, folder / "log"
        shutil.copytree(ROOT / "k8s", folder / "project/k8s")
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "project"]):
            subprocess.run(["git", *command], cwd=folder / "project", check=True)
        (folder / "hosts").write_text("127.0.0.1 localhost s3\n")
        for name, text in (("kubectl", FAKE_KUBECTL), ("python", FAKE_PYTHON)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def __call__(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        given = {
            "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHON": str(self.folder / "python"),
            "TMPDIR": str(self.folder),
            "HOSTS": str(self.folder / "hosts"),
            "LOG": str(self.log),
            "NO_NAMESPACE": "1",
            "HASH_here": SAME,
            "HASH_there": SAME,
            **environment,
        }
        command = [str(self.folder / "project/k8s/check.sh"), *arguments]
        return subprocess.run(command, env=given, capture_output=True, text=True, check=False)

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.is_file() else []


@pytest.fixture
def check(tmp_path: Path) -> Check:
    return Check(tmp_path)


def test_a_check_applies_runs_compares_and_deletes(check: Check) -> None:
    done = check("--image", "registry:5000/team/videopoet:1.2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["OK: the hashes are equal", "deleting the namespace videopoet"]
    steps = [call.split(" --timeout")[0] for call in check.calls]
    runs = ["here: -m flows.cli run", "there: -m flows.cli run --on kubernetes"]
    assert [step for step in steps if step in runs] == runs
    created = {step.split()[6] for step in steps if "create secret generic" in step}
    named = {"videopoet-remote", "videopoet-postgres", "videopoet-prefect"}
    assert created == named
    assert check.calls[-1].startswith("kubectl delete --kustomize ")
    images = yaml.safe_load(check.log.with_name("log.kustomization").read_text())["images"]
    assert images == [{"name": "videopoet", "newName": "registry:5000/team/videopoet", "newTag": "1.2"}]
    assert not list(check.folder.glob("tmp.*"))


def test_other_hashes_fail_the_check_and_all_is_deleted_too(check: Check) -> None:
    done = check(HASH_there=OTHER)
    assert (done.returncode, f"here {SAME}, in the cluster {OTHER}" in done.stdout) == (1, True)
    assert "DIFFERENT" in done.stderr
    assert any(call == f"there: -m flows.cli runs diff {SAME} {OTHER}" for call in check.calls)
    assert check.calls[-1].startswith("kubectl delete --kustomize ")


def test_a_namespace_in_use_is_neither_changed_nor_deleted(check: Check) -> None:
    refused = check(NO_NAMESPACE="0")
    assert (refused.returncode, "is in use" in refused.stderr) == (64, True)
    done = check("--no-apply", "--remote", "s3://b/x", "--expect", SAME, AWS_ACCESS_KEY_ID="a", NO_NAMESPACE="0")
    assert done.returncode == 0, done.stderr
    assert not any(word in call for call in check.calls for word in ("apply", "create", "delete"))
    assert not any(call.startswith("here:") for call in check.calls)
    assert any("dvc remote add --quiet --force --default check s3://b/x" in call for call in check.calls)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--overlay", "none"], "there is no overlay none"),
        (["--overlay", "gpu"], "--remote URL"),
        (["--expect", "latest"], "first 10 hex digits"),
        (["--image"], "--image needs a value"),
        (["--fast"], "unknown option --fast"),
    ],
)
def test_a_wrong_use_of_the_check_does_nothing(check: Check, arguments: list[str], words: str) -> None:
    done = check(*arguments)
    assert (done.returncode, words in done.stderr, check.calls) == (64, True, [])


def test_the_check_says_how_it_is_used_and_names_what_there_is(check: Check) -> None:
    said = check("--help")
    assert (said.returncode, said.stdout.startswith("Usage: k8s/check.sh [OPTIONS]")) == (0, True)
    text = CHECK.read_text()
    assert all(
        option in said.stdout for option in ("--overlay", "--image", "--remote", "--expect", "--no-apply", "--keep")
    )
    base = "".join(path.read_text() for path in sorted(ROOT.glob("k8s/base/*.yaml")))
    for kind, name in (("StatefulSet", "postgres"), ("Deployment", "prefect"), ("Deployment", "mlflow")):
        assert f"{kind.lower()}/{name}" in text
        assert f"kind: {kind}\nmetadata: {{name: {name}}}" in base


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not here")
@pytest.mark.parametrize("script", sorted(ROOT.glob("k8s/*.sh")), ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
