"""The command line `videopoet`. Everything slow is imported by the command that needs it.

Exit codes are those of the stages (components/common/errors.py): 0 done · 1 a stage failed · 64 something for you to
mend · 65 the data broke a gate · 75 try again · 130, 143 stopped by Ctrl-C or SIGTERM, resumable.
"""

import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer

from components.common import errors
from flows.cli import (
    card_commands,
    codelock_commands,
    profile_commands,
    registry_commands,
    runs_commands,
    sources_commands,
)
from flows.machine.workspace import enter

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(runs_commands.app, name="runs")
app.add_typer(registry_commands.app)
app.add_typer(card_commands.app)
app.add_typer(profile_commands.app)
app.add_typer(codelock_commands.app, name="codelock")
app.add_typer(sources_commands.app, name="sources")

Stages = Annotated[
    list[str] | None,
    typer.Argument(help="Stages, or families such as `adapt`, with all they need; every stage if none."),
]
On = Annotated[
    Literal["here", "kubernetes"],
    typer.Option(help="Where stages run; in a cluster each is a Job (k8s/README.md)."),
]


def _version(asked: bool) -> None:
    if asked:
        print(f"videopoet {metadata.version('videopoet-pipeline')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """VideoPoet as a pipeline: train, generate, evaluate. Start with `videopoet doctor`, then `videopoet run`."""


@app.command()
def run(
    stages: Stages = None,
    force: Annotated[bool, typer.Option("--force", help="Run these stages again even if they are up to date.")] = False,
    on: On = "here",
    max_gpu_hours: Annotated[
        float | None, typer.Option(min=0, help="Stop before the run takes more, by past runs and as it goes.")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Where Prometheus may look on while the run goes on.")
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(help="Address that listens for it, 0.0.0.0 for all; if none, 127.0.0.1 (in a pod, all).")
    ] = "",
) -> None:
    """Bring stages up to date. Stop it as you like: the same command goes on from there."""
    from flows.cli import session

    targets = tuple(stages or ())
    code = session.run(
        enter(),
        targets,
        force=force,
        where=on,
        max_gpu_hours=max_gpu_hours,
        metrics_port=metrics_port,
        metrics_host=metrics_host,
    )
    raise typer.Exit(code)


@app.command()
def finetune(
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what it would start from, and what would run.")
    ] = False,
    promote: Annotated[
        bool, typer.Option("--promote/--no-promote", help="Let the gate decide, or leave it as candidate.")
    ] = True,
    on: On = "here",
) -> None:
    """Train the champion's text-to-video model further on sources added since, and promote it if it is better.

    All other models stay the champion's, by hash. With too little that is new (section `finetune`) it is skipped.
    It works in .videopoet/finetune, a checkout where all commands work as here. Exit code 1: refused.
    """
    from flows.cli import session

    if plan:
        session.show_finetune_plan(enter())
    else:
        raise typer.Exit(session.finetune(enter(), promote=promote, where=on))


@app.command()
def serve(
    on: On = "here",
    notify: Annotated[
        list[str] | None, typer.Option(help="TYPE/NAME of a block in Prefect that tells people how runs end.")
    ] = None,
) -> None:
    """Carry out what prefect.yaml says is to run, and when. Goes on until you stop it."""
    from flows.deployments import serve as serving

    raise typer.Exit(serving.serve(enter(), on, notify or []))


@app.command()
def plan(
    stages: Stages = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say also what that will take, by the records of past runs.")
    ] = False,
) -> None:
    """Say what would run and why, what is up to date and where its result is. Pulls no data, runs nothing."""
    from flows.cli import session

    session.show_plan(enter(), tuple(stages or ()), with_estimate=estimate)


@app.command()
def doctor() -> None:
    """Check this machine and say what to do: versions, disk, memory, GPUs, repository, codecs, remote, cluster, …"""
    from flows.cli import doctor as checks

    faults = 0
    for check in checks.checks(enter()):
        faults += bool(check.remedy and check.fatal)
        sign = "ok" if not check.remedy else "FIX" if check.fatal else "note"
        print(f"{sign:<5}{check.name:<12}{check.found}")
        if check.remedy:
            print(f"{'':<17}→ {check.remedy}")
    raise typer.Exit(errors.CONFIGURATION if faults else 0)


@app.command()
def status() -> None:
    """Say what the run that goes on here is doing, or how the last one ended."""
    from flows.runs import run_status

    for line in run_status.status(enter()):
        print(line)


@app.command()
def logs(
    stage: Annotated[str, typer.Argument(help="A stage, or the beginning of its name.")],
    run: Annotated[str, typer.Option(help="A run of the past, by the first digits of its hash.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the stage ends.")] = False,
) -> None:
    """Show what a stage says, or said."""
    from flows.runs import run_status

    for text in run_status.logs(enter(), stage, run, follow=follow):
        print(text, end="", flush=True)


@app.command()
def cancel() -> None:
    """Stop the run that goes on here in good order, and wait until it has ended."""
    from flows.runs import run_status

    print(run_status.cancel(enter()))


@app.command()
def lineage(
    target: Annotated[str, typer.Argument(help="A file, an output, or the first digits of a hash or clip.")] = "",
    forward: Annotated[str, typer.Option(help="A source: its file, alias/path or SHA-256; what came of it?")] = "",
) -> None:
    """Say what a result was made from, back to the sources; or what a source went into."""
    from flows.dvc.repository import Repository
    from flows.runs import forward_lineage
    from flows.runs import lineage as backward

    if bool(target) == bool(forward):
        raise ValueError("give a file or hash to look back from, or a source with --forward")
    repository = Repository(enter().root)
    recorded = {stage.name: repository.recorded(stage.name) for stage in repository.graph().stages}
    entries = {name: entry for name, entry in recorded.items() if entry}
    for line in forward_lineage.lines(entries, forward) if forward else backward.lines(entries, target):
        print(line)


@app.command()
def reproduce(
    run: runs_commands.Run,
    stage: Annotated[str, typer.Option(help="This stage alone, its inputs taken by hash from cache or remote.")] = "",
    into: Annotated[Path | None, typer.Option(help="Folder to work in; one in .videopoet/reproduce if none.")] = None,
    media: Annotated[list[str] | None, typer.Option(help="ALIAS=FOLDER (or store): where a run's media lie.")] = None,
    tolerance: Annotated[float, typer.Option(help="What numbers may differ by on another class of machine.")] = 0.05,
) -> None:
    """Run a record again in a clean folder, and say of each stage whether it came out the same."""
    from components.common.runtime import root_of
    from flows.reproduction import reproduction

    pairs = [pair.partition("=") for pair in media or []]
    if wrong := [alias for alias, sign, _ in pairs if not sign]:
        raise ValueError(f"--media {wrong[0]}: write ALIAS=FOLDER")
    roots = {alias: root_of(root) for alias, _, root in pairs}
    folders = {alias: root.expanduser().absolute() if isinstance(root, Path) else root for alias, root in roots.items()}
    place = into and into.expanduser().absolute()
    found = reproduction.reproduce(enter(), run, stage, place, folders, tolerance)
    print("", *found.lines, sep="\n")
    raise typer.Exit(found.code)


@app.command()
def report(
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Say where the report of the present results is."""
    from flows.dvc.repository import Repository
    from flows.runs import run_records as records

    workspace = enter()
    found = records.report_of(Repository(workspace.root).graph())
    if found is None:
        raise ValueError("there is no report yet: `videopoet run` makes it")
    print(found / "index.html")
    if show:
        typer.launch(str((found / "index.html").absolute()))


@app.command()
def generate(
    task: Annotated[str, typer.Option(help="text-to-video, image-to-video, …; an unknown one is answered with all.")],
    output: Annotated[Path, typer.Option(help="File to write: .mp4, or .png for a picture.")],
    prompt: Annotated[str, typer.Option(help="What is to be seen.")] = "",
    image: Annotated[Path | None, typer.Option(help="A picture, or a clip whose first frame counts.")] = None,
    video: Annotated[Path | None, typer.Option(help="A clip to go on from, fill in, or follow.")] = None,
    mask: Annotated[Path | None, typer.Option(help="A picture, white where the clip is to be filled in.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A sound, or a clip with sound.")] = None,
    orientation: Annotated[str, typer.Option(help="square or portrait.")] = "square",
    long: Annotated[bool, typer.Option("--long", help="Make the longer clip.")] = False,
    scale: Annotated[int, typer.Option(help="Height and width: 1, 2 or 4 times the base.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed makes the same sample.")] = 0,
) -> None:
    """Generate a video with sound, or a picture, by the models of the last run."""
    from flows.cli import request
    from flows.dvc.repository import Repository

    here = Path.cwd()
    workspace = enter()
    files = {"image": image, "video": video, "mask": mask, "audio": audio, "output": output}
    options: dict[str, object] = {name: path and here / path for name, path in files.items()}
    options |= {"task": task, "prompt": prompt or None, "orientation": orientation, "long": long}
    options |= {"scale": scale, "seed": seed}
    raise typer.Exit(request.carry_out(Repository(workspace.root).graph(), options))


def main() -> None:
    """Run the command line; what a user can mend is one line, not a traceback."""
    try:
        app()
    except (ValueError, errors.DataError, errors.Retryable) as error:
        print(error, file=sys.stderr)
        if isinstance(error, errors.DataError):
            sys.exit(errors.DATA)
        sys.exit(errors.RETRY if isinstance(error, errors.Retryable) else errors.CONFIGURATION)
    except KeyboardInterrupt:
        sys.exit(130)
