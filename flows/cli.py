"""The command line `videopoet`. Everything slow is imported by the command that needs it.

Exit codes are those of the stages (DESIGN §4): 0 done · 1 a stage failed · 64 something for you to mend · 65 the data
broke a gate · 75 try again · 130, 143 stopped by Ctrl-C or SIGTERM, resumable.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.common import errors
from flows.workspace import PARAMS, Workspace

if TYPE_CHECKING:
    from flows.graph import Entry, Graph
    from flows.plan import Decision
    from flows.stages import Repository

app = typer.Typer(
    help="VideoPoet as a pipeline: train, generate, evaluate. Start with `videopoet doctor`, then `videopoet run`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
codelock_app = typer.Typer(help="The code of each stage as an input: codelock/*.json.", no_args_is_help=True)
sources_app = typer.Typer(help="Your own videos, pictures and captions.", no_args_is_help=True)
app.add_typer(codelock_app, name="codelock")
app.add_typer(sources_app, name="sources")

Stages = Annotated[
    list[str] | None,
    typer.Argument(help="Stages, or families such as `adapt`, with all they need; every stage if none."),
]


@app.command()
def run(
    stages: Stages = None,
    force: Annotated[bool, typer.Option("--force", help="Run these stages again even if they are up to date.")] = False,
) -> None:
    """Bring stages up to date. Stop it as you like: the same command goes on from there."""
    from flows import execution

    workspace = _enter()
    repository, graph, decisions = _decided(workspace, tuple(stages or ()), force=force)
    for fault in _stale_code(graph):
        raise ValueError(fault)
    if all(decision.verdict == "up to date" and decision.place == "workspace" for decision in decisions):
        print(f"{_count(decisions)} up to date: nothing to run")
        entries = {decision.stage.name: decision.entry for decision in decisions if decision.entry}
        with execution.alone(workspace, print):
            _close(workspace, graph, _record(workspace, graph, entries))
        return
    del repository
    _flow(workspace, graph, tuple(stages or ()), force=force)


@app.command()
def plan(stages: Stages = None) -> None:
    """Say what would run and why, what is up to date and where its result is. Pulls no data, runs nothing."""
    from flows.plan import table

    _, graph, decisions = _decided(_enter(), tuple(stages or ()), force=False)
    for line in table(decisions):
        print(line)
    idle = sum(decision.verdict != "run" for decision in decisions)
    print(f"\n{len(decisions) - idle} of {_count(decisions)} would run")
    for fault in _stale_code(graph):
        print(f"warning: {fault}", file=sys.stderr)


@app.command()
def doctor() -> None:
    """Check this machine and say what to do: versions, disk, memory, threads, store, repository, codecs."""
    from flows import doctor as checks

    faults = 0
    for check in checks.checks(_enter()):
        faults += bool(check.remedy and check.fatal)
        sign = "ok" if not check.remedy else "FIX" if check.fatal else "note"
        print(f"{sign:<5}{check.name:<12}{check.found}")
        if check.remedy:
            print(f"{'':<17}→ {check.remedy}")
    raise typer.Exit(errors.CONFIGURATION if faults else 0)


@app.command()
def profile(name: Annotated[str, typer.Argument(help="A file of profiles/, without its suffix.")]) -> None:
    """Make a profile the parameter file params.yaml, and show what that changes."""
    from flows import profiles

    _enter()
    lines = profiles.use(name)
    for line in lines:
        print(line)
    print(f"{PARAMS} is now profile `{name}`: {len(lines)} values changed")


@app.command()
def runs(name: Annotated[str, typer.Argument(help="The first digits of a run's hash, to see all of it.")] = "") -> None:
    """List the records of past runs, the newest first."""
    import json

    from flows import runs as records

    workspace = _enter()
    if name:
        print(json.dumps(records.read(workspace, name), indent=1, sort_keys=True, ensure_ascii=False))
        return
    for record in records.listed(workspace):
        seconds = sum(note.get("seconds", 0) for note in record["took"].values())
        source = record["source"]["revision"][:10] + ("+" if record["source"]["uncommitted"] else "")
        short = record["run"][: records.NAME_DIGITS]
        print(f"{short}  {record['written']}  {len(record['took'])} stages  {seconds:,.0f} s  source {source}")


@app.command()
def report(
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Say where the report of the present results is."""
    from flows import runs as records
    from flows.stages import Repository

    workspace = _enter()
    found = records.report_of(Repository(workspace.root).graph())
    if found is None:
        raise ValueError("there is no report yet: `videopoet run` makes it")
    print(found / "index.html")
    if show:
        typer.launch(str((found / "index.html").absolute()))


@codelock_app.command()
def refresh() -> None:
    """Bring codelock/ up to date with the code, after you changed it."""
    from components.common import codelock

    _enter()
    changed = codelock.write_all()
    print(f"changed: {', '.join(changed)}" if changed else "nothing changed")


@codelock_app.command()
def check() -> None:
    """Does codelock/ match the code?"""
    from components.common import codelock

    _enter()
    for component in codelock.components():
        codelock.check(component)
    print(f"codelock/ matches the code of {len(codelock.components())} components")


def main() -> None:
    """Run the command line; what a user can mend is one line, not a traceback."""
    try:
        app()
    except (ValueError, errors.DataError, errors.Retryable) as error:
        print(error, file=sys.stderr)
        if isinstance(error, errors.DataError):
            sys.exit(errors.DATA)
        sys.exit(errors.RETRY if isinstance(error, errors.Retryable) else errors.CONFIGURATION)


def _enter() -> Workspace:
    workspace = Workspace.find()
    os.chdir(workspace.root)
    return workspace


def _decided(
    workspace: Workspace, targets: tuple[str, ...], *, force: bool
) -> "tuple[Repository, Graph, list[Decision]]":
    """Check the parameters, then read the repository once and decide about each stage."""
    from components.common import params
    from flows.plan import plan
    from flows.stages import Repository

    repository = Repository(workspace.root)
    commands = repository.commands()
    if any(params.COMMAND.search(command) for command in commands.values()):
        params.check(params.read(Path(PARAMS)), commands)
    graph = repository.graph()
    forced = set(graph.matching(targets) or graph.by_name) if force else set()
    return (
        repository,
        graph,
        plan(graph, graph.upstream_of(targets), repository, workspace.folder("code"), force=forced),
    )


def _stale_code(graph: "Graph") -> Iterable[str]:
    from components.common import codelock
    from flows.modules import FOLDER

    locked = {Path(path).stem for stage in graph.stages for path in stage.deps if Path(path).parent.name == FOLDER}
    for component in sorted(locked.intersection(codelock.components())):
        try:
            codelock.check(component)
        except ValueError as error:
            yield str(error)


def _flow(workspace: Workspace, graph: "Graph", targets: tuple[str, ...], *, force: bool) -> None:
    from flows import orchestrator

    orchestrator.configure(workspace)
    from flows.retrain import Result, retrain

    orchestrator.start()
    state = retrain(targets, force, return_state=True)
    result = state.result(raise_on_failure=False)
    if not isinstance(result, Result):
        raise result if isinstance(result, Exception) else RuntimeError(state.message)
    if result.record:
        _close(workspace, graph, result.record)
        return
    for fault in result.faults.values():
        if str(fault):
            print(fault, file=sys.stderr)
    print(state.message, file=sys.stderr)
    if result.stopped_by:
        raise typer.Exit(128 + result.stopped_by)
    codes = {getattr(fault, "code", errors.CONFIGURATION) for fault in result.faults.values()}
    known = len(codes) == 1 and codes < {errors.CONFIGURATION, errors.DATA, errors.RETRY, errors.STOPPED}
    raise typer.Exit(codes.pop() if known else 1)


def _record(workspace: Workspace, graph: "Graph", entries: "dict[str, Entry]") -> Path:
    from flows import runs as records

    folder = workspace.folder("runs") / records.identity(graph, entries).name
    return folder if folder.is_dir() else records.write(workspace, graph, entries)


def _close(workspace: Workspace, graph: "Graph", record: Path) -> None:
    """End on what the user came for."""
    from flows import runs as records

    if found := records.report_of(graph):
        print(f"report  {found / 'index.html'}")
    for video in records.videos_of(graph, 3):
        print(f"video   {video}")
    print(f"record  {(record / 'index.html').relative_to(workspace.root)}")
    print(f"run     {record.name}")


def _count(decisions: "list[Decision]") -> str:
    return f"{len(decisions)} stage{'s' if len(decisions) != 1 else ''}"


if __name__ == "__main__":
    main()
