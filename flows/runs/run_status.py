"""The run of a checkout, seen from outside: status, logs, cancel."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from flows.machine import run_state
from flows.machine.monitor import STALLED_S
from flows.machine.workspace import Workspace
from flows.runs import run_records

PAUSE_S = 0.2
QUIET_S = 60.0  # without a heartbeat, before the status mentions it


def status(workspace: Workspace) -> Iterator[str]:
    """Yield the status of the current or the last run."""
    run = run_state.read(workspace)
    if run is None:
        yield "there has been no run yet: start one with `videopoet run`"
        return
    counts = ", ".join(f"{len(names)} {word}" for word, names in _groups(run).items() if names)
    if run.is_alive:
        yield f"a run has been in progress since {run.started} (process {run.process}): {counts}"
    else:
        yield f"no run is in progress; the last one, started {run.started}, {_ending(run)}: {counts}"
    width = max(map(len, run.stages), default=0)
    for name in run.names("running"):
        moment = run.stages[name]
        words = (
            f"{_since(moment.since)}{_heartbeat_age(moment)}  {last_line(workspace, name)}"
            if run.is_alive
            else "did not end"
        )
        yield f"running  {name:<{width}}  since {moment.since} {words}".rstrip()
    for name in run.names("failed"):
        yield f"failed   {name:<{width}}  {run.stages[name].words}"
    for word in ("stopped", "waiting", "done"):
        if names := _groups(run)[word]:
            yield f"{word:<8} {', '.join(names)}"


def last_line(workspace: Workspace, stage: str) -> str:
    """Return the last line of a stage's log."""
    path = _log(workspace, stage)
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    return lines[-1] if lines else ""


def logs(workspace: Workspace, stage: str, run_name: str, *, follow: bool) -> Iterator[str]:
    """Yield the log of a stage: of the present run, to its end if `follow`, or of the past run `run_name`.

    Raises ValueError for a stage without a log.
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
        ends_here = not follow or not _may_speak(workspace, name)  # checked before the last read
        path = _log(workspace, name)
        text = path.read_bytes() if path.is_file() else b""
        if len(text) < place:  # the log was restarted
            place = 0
        if text[place:]:
            yield text[place:].decode(errors="replace")
        place = len(text)
        if ends_here:
            return
        time.sleep(PAUSE_S)


def cancel(workspace: Workspace) -> str:
    """Ask the present run to stop gracefully, wait, and return its end; raises ValueError if there is none."""
    run = run_state.read(workspace)
    if run is None or not run.is_alive:
        raise ValueError("no run is in progress here")
    os.kill(run.process, signal.SIGTERM)
    while run.is_there:
        time.sleep(PAUSE_S)
    run = run_state.read(workspace) or run
    groups = _groups(run)
    stopped = f"; interrupted: {', '.join(groups['stopped'])}" if groups["stopped"] else ""
    return f"the run {_ending(run)}{stopped}; {len(groups['done'])} stages are done. `videopoet run` resumes it"


def _groups(run: run_state.RunProgress) -> dict[str, list[str]]:
    groups = {word: run.names(word) for word in ("running", "waiting", "failed", "stopped")}
    return {"done": run.names(*run_state.DONE), **groups}


def _ending(run: run_state.RunProgress) -> str:
    words = {"whole": "finished", "stopped": "was stopped", "failed": "failed", "": "was killed"}
    return words[run.how] + (f" at {run.ended}" if run.ended else "")


def _heartbeat_age(moment: run_state.StageActivity) -> str:
    """Return the text for a stage without a recent heartbeat."""
    quiet_s = _seconds(moment.last_heartbeat or moment.since)
    words = "STALLED, last heartbeat" if quiet_s >= STALLED_S else "last heartbeat"
    return f", {words} at {moment.last_heartbeat or moment.since}" if quiet_s >= QUIET_S else ""


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
    """Return the only stage that is `stage` or begins with it, of those with a log in `folder` and `more`."""
    known = sorted({path.stem for path in folder.glob("*.log")} | {*more})
    found = [name for name in known if name == stage] or [name for name in known if name.startswith(stage)]
    if len(found) != 1:
        raise ValueError(
            f"{len(found)} stages with a log begin with `{stage}`: choose from {', '.join(known) or 'none'}"
        )
    return found[0]
