"""Claim: knowing that nothing has to run costs no more than twice `dvc status`; running a stage at most 3 s beside it.

    python benchmarks/orchestration.py [stages] [rounds]

A synthetic graph (1 000 stages unless given, ten side by side, each made from a stage above, a file and a parameter),
all of it up to date, in a checkout made for the purpose. `dvc status` and `videopoet plan` take turns, whole processes
with their start; medians are compared, and the plan's peak memory is read. Then a line of stages that only write a file
is run by `videopoet run`: its time over the number of stages, less the time of the commands alone.
"""

import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import recording
import yaml

ABREAST, RUN_STAGES = 10, 20
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DVC_NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"}
DVC, VIDEOPOET = [sys.executable, "-m", "dvc"], [sys.executable, "-m", "flows.cli"]


def stage(number: int) -> dict[str, Any]:
    """Stage `number` as dvc.yaml has it."""
    above = [f"data/s{number - ABREAST:04}"] if number >= ABREAST else []
    out = f"data/s{number:04}"
    cmd = f"mkdir -p {out} && echo {number} > {out}/part.txt"
    return {"cmd": cmd, "deps": ["source.txt", *above], "params": [f"s{number:04}"], "outs": [out]}


def checkout(root: Path, stages: int) -> None:
    """A checkout with such a graph; nothing has run in it."""
    git = ["git", "-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org"]
    (root / "source.txt").write_text("source\n")
    (root / "params.yaml").write_text(yaml.safe_dump({f"s{number:04}": {"threads": 1} for number in range(stages)}))
    graph = {"stages": {f"s{number:04}": stage(number) for number in range(stages)}}
    (root / "dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False))
    for command in ([*git, "init", "-q"], [*DVC, "init", "-q"], [*git, "commit", "-qm", "graph"]):
        subprocess.run(command, cwd=root, check=True, env={**os.environ, **QUIET})


def record(root: Path, stages: int) -> None:
    """Write down every stage as made: outputs, cache and dvc.lock as DVC would write them."""
    source = item("source.txt", (root / "source.txt").read_bytes())
    outs: list[dict[str, Any]] = []
    locked = {}
    for number in range(stages):
        raw, text = stage(number), f"{number}\n".encode()
        folder = root / raw["outs"][0]
        folder.mkdir(parents=True)
        (folder / "part.txt").write_bytes(text)
        file = item("part.txt", text)
        listing = json.dumps([{"md5": file["md5"], "relpath": "part.txt"}]).encode()
        whole = hashlib.md5(listing).hexdigest()
        keep(root, file["md5"], text)
        keep(root, f"{whole}.dir", listing)
        outs.append({"path": raw["outs"][0], "hash": "md5", "md5": f"{whole}.dir", "size": len(text), "nfiles": 1})
        above = [outs[number - ABREAST]] if number >= ABREAST else []
        params = {"params.yaml": {f"s{number:04}": {"threads": 1}}}
        deps = sorted([source, *above], key=lambda dep: str(dep["path"]))
        locked[f"s{number:04}"] = {"cmd": raw["cmd"], "deps": deps, "params": params, "outs": [outs[-1]]}
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": locked}, sort_keys=False))


def item(path: str, text: bytes) -> dict[str, Any]:
    """A file as dvc.lock has it."""
    return {"path": path, "hash": "md5", "md5": hashlib.md5(text).hexdigest(), "size": len(text)}


def keep(root: Path, md5: str, text: bytes) -> None:
    """Put bytes into DVC's cache."""
    path = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)


def timed(command: list[str], root: Path, expected: str) -> float:
    """Seconds of a whole process that must end well and say what is expected."""
    start = time.perf_counter()
    ended = subprocess.run(command, cwd=root, env={**os.environ, **QUIET}, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if ended.returncode or expected not in ended.stdout:
        raise SystemExit(
            f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}"
        )
    return seconds


def decide(stages: int, rounds: int) -> None:
    """Compare the plan of a graph that is up to date with `dvc status`."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        checkout(root, stages)
        record(root, stages)
        status, plan = [*DVC, "status"], [*VIDEOPOET, "plan"]
        taken: dict[str, list[float]] = {"status": [], "plan": []}
        for turn in range(rounds + 1):  # the first fills DVC's state of what lies in the workspace
            seconds = timed(status, root, "up to date"), timed(plan, root, f"0 of {stages} stages would run")
            if turn:
                taken["status"].append(seconds[0])
                taken["plan"].append(seconds[1])
        peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
        medians = {name: statistics.median(values) for name, values in taken.items()}
        claim = f"{stages:,} stages up to date: `videopoet plan` ÷ `dvc status`"
        recording.record(claim, medians["plan"] / medians["status"], "×", "≤ 2")
        print(
            f"{stages} stages up to date: plan {medians['plan']:.1f} s, dvc status {medians['status']:.1f} s, "
            f"ratio {medians['plan'] / medians['status']:.2f}; largest process {peak_mb:.0f} MB"
        )


def run(stages: int) -> None:
    """What `videopoet run` takes for each stage beside the stage's own process."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        checkout(root, stages)
        timed([*VIDEOPOET, "run", "s0000"], root, "")  # makes Prefect's database
        none = timed([*VIDEOPOET, "run", "s0000", "--force"], root, "")
        whole = timed([*VIDEOPOET, "run"], root, "")
        own = sum(timed(["sh", "-c", stage(number)["cmd"]], root, "") for number in range(1, stages))
        again = timed([*VIDEOPOET, "run"], root, "nothing to run")
        beside_s = (whole - none - own) / (stages - 1)
        claim = "a stage by `videopoet run` beside its own process, 20 stages in a line"
        recording.record(claim, beside_s, "s", "≤ 3")
        recording.record("`videopoet run` with nothing to run", again, "s")
        print(
            f"{stages} stages run: {beside_s:.2f} s a stage beside its process; "
            f"one stage with all of the start {none:.1f} s; nothing to run {again:.1f} s"
        )


if __name__ == "__main__":
    recording.begin()
    given = [int(argument) for argument in sys.argv[1:]]
    decide(given[0] if given else 1000, given[1] if len(given) > 1 else 3)
    run(RUN_STAGES)
