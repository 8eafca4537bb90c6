"""Looking on at the run of a checkout from outside: what it is doing, what its stages say, and how to stop it."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from flows.machine import run_state
from flows.machine.monitor import SILENT_S
from flows.machine.workspace import Workspace
from flows.runs import run_records

PAUSE_S = 0.2
QUIET_S = 60.0  # that a running stage need not be heard of


def status(workspace: Workspace) -> Iterator[str]:
    """Say what the run that goes on here is doing, or how the last one ended."""
    run = run_state.read(workspace)
    if run is None:
        yield "no run has been here: `videopoet run` starts one"
        return
    counts = ", ".join(f"{len(names)} {word}" for word, names in _groups(run).items() if names)
    if run.is_alive:
        yield f"a run goes on since {run.started} (process {run.process}): {counts}"
    else:
        yield f"no run goes on here; the last one, of {run.started}, {_ending(run)}: {counts}"
    width = max(map(len, run.stages), default=0)
    for name in run.names("running"):
        moment = run.stages[name]
        words = (
            f"{_since(moment.since)}{_silence(moment)}  {last_line(workspace, name)}" if run.is_alive else "did not end"
        )
        yield f"running  {name:<{width}}  since {moment.since} {words}".rstrip()
    for name in run.names("failed"):
        yield f"failed   {name:<{width}}  {run.stages[name].words}"
    for word in ("stopped", "waiting", "done"):
        if names := _groups(run)[word]:
            yield f"{word:<8} {', '.join(names)}"


def last_line(workspace: Workspace, stage: str) -> str:
    """What a stage said last."""
    path = _log(workspace, stage)
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    return lines[-1] if lines else ""


def logs(workspace: Workspace, stage: str, run_name: str, *, follow: bool) -> Iterator[str]:
    """What a stage said: in the run here, to its end if `follow`, or in a run of the past.

    Raises ValueError for a stage that has no log.
    """
    if run_name:
        folder = run_records.find(workspace, run_name) / "logs"
        yield (folder / f"{_named(stage, folder, [])}.log").read_text(errors="replace")
        return
    run = run_state.read(workspace)
    folder = workspace.folder("logs")
    name = _named(stage, folder, list(run.stages) if run and follow else [])
    place = 0
    while True:
        ends_here = not follow or not _may_speak(workspace, name)  # asked before the last look
        path = _log(workspace, name)
        text = path.read_bytes() if path.is_file() else b""
        if len(text) < place:  # it began again
            place = 0
        if text[place:]:
            yield text[place:].decode(errors="replace")
        place = len(text)
        if ends_here:
            return
        time.sleep(PAUSE_S)


def cancel(workspace: Workspace) -> str:
    """Ask the run here to stop in good order, wait, and say how it ended. Raises ValueError if none goes on."""
    run = run_state.read(workspace)
    if run is None or not run.is_alive:
        raise ValueError("no run goes on here")
    os.kill(run.process, signal.SIGTERM)
    while run.is_there:
        time.sleep(PAUSE_S)
    run = run_state.read(workspace) or run
    groups = _groups(run)
    stopped = f"; stopped in the middle: {', '.join(groups['stopped'])}" if groups["stopped"] else ""
    return f"the run {_ending(run)}{stopped}; {len(groups['done'])} stages are done. `videopoet run` goes on from there"


def _groups(run: run_state.RunProgress) -> dict[str, list[str]]:
    groups = {word: run.names(word) for word in ("running", "waiting", "failed", "stopped")}
    return {"done": run.names(*run_state.DONE), **groups}


def _ending(run: run_state.RunProgress) -> str:
    words = {"whole": "came to its end", "stopped": "was stopped", "failed": "failed", "": "was killed"}
    return words[run.how] + (f" at {run.ended}" if run.ended else "")


def _silence(moment: run_state.Moment) -> str:
    """Words for a stage that was not heard of for a while."""
    silent_s = _seconds(moment.heard or moment.since)
    words = "SILENT" if silent_s >= SILENT_S else "last heard of"
    return f", {words} since {moment.heard or moment.since}" if silent_s >= QUIET_S else ""


def _seconds(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def _since(moment: str) -> str:
    minutes, seconds = divmod(max(0, int(_seconds(moment))), 60)
    return f"({minutes // 60}:{minutes % 60:02}:{seconds:02})"


def _may_speak(workspace: Workspace, stage: str) -> bool:
    run = run_state.read(workspace)
    return bool(run and run.is_alive and stage in run.names("waiting", "running"))


def _log(workspace: Workspace, stage: str) -> Path:
    return workspace.folder("logs") / f"{stage}.log"


def _named(stage: str, folder: Path, more: list[str]) -> str:
    """The stage whose name is, or alone begins with, `stage`, of those with a log in `folder` and `more`."""
    known = sorted({path.stem for path in folder.glob("*.log")} | {*more})
    found = [name for name in known if name == stage] or [name for name in known if name.startswith(stage)]
    if len(found) != 1:
        raise ValueError(
            f"{len(found)} stages with a log begin with `{stage}`: choose from {', '.join(known) or 'none'}"
        )
    return found[0]
