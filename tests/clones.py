"""Clean checkouts of the working tree at profile `test`, one of them finished, and commands that run in them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from flows.graph import profiles

ROOT = Path(__file__).parents[1]
PATIENCE_S = 900


def clone(folder: Path) -> Path:
    """A clean checkout of the working tree, at profile `test`."""
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / "params.yaml").write_text(profiles.text("test", ROOT / "profiles"))
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "clone"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def finished(shared: Path) -> tuple[Path, str]:
    """The clone of this session in which `videopoet run` has run, and what it printed: read it, or copy it.

    The first process that asks makes it in the folder `shared`, the others wait.
    """
    folder, said = shared / "finished", shared / "finished.txt"
    with FileLock(shared / "finished.lock"):
        if not said.is_file():
            folder.mkdir()
            said.write_text(videopoet(clone(folder), "run"))
    return folder, said.read_text()


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("VIDEOPOET_", "PREFECT_"))}
    return clean | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def run(folder: Path, *command: str) -> str:
    """Run a command in a clone; its output is shown if it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-6000:]}"
    return done.stdout


def videopoet(folder: Path, *arguments: str) -> str:
    return run(folder, sys.executable, "-m", "flows.cli", *arguments)


def lock(folder: Path) -> dict[str, Any]:
    """What dvc.lock says of each stage: command, hashes of what went in and came out, parameters."""
    stages: dict[str, Any] = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    return stages


def outputs(folder: Path) -> dict[str, str]:
    return {out["path"]: out["md5"] for stage in lock(folder).values() for out in stage["outs"]}
