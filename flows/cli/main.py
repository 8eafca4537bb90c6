"""The command line `videopoet`; slow imports happen in the commands that need them.

Exit codes are those of the stages (components/common/errors.py): 0 success, 1 a stage failed, 64 the user must fix
something, 65 a data gate failed, 75 temporary failure, 130 and 143 stopped by Ctrl-C or SIGTERM, resumable.
"""

import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer

from components.common import errors
from flows.cli import card_commands, codelock_commands, registry_commands, runs_commands, sources_commands
from flows.machine.workspace import PARAMS, enter

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(runs_commands.app, name="runs")
app.add_typer(registry_commands.app)
app.add_typer(card_commands.app)
app.add_typer(codelock_commands.app, name="codelock")
app.add_typer(sources_commands.app, name="sources")

Stages = Annotated[
    list[str] | None,
    typer.Argument(help="Stages, or families such as `adapt`, with all their inputs; default: all stages."),
]
On = Annotated[
    Literal["here", "kubernetes"],
    typer.Option(help="Executor of the stages; with `kubernetes` each is a Job (k8s/README.md)."),
]


def _version(asked: bool) -> None:
    if asked:
        print(f"videopoet {metadata.version('videopoet-pipeline')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """VideoPoet as a reproducible pipeline.

    Train, generate and evaluate. Start with `videopoet doctor`, then `videopoet run`.
    """


@app.command()
def run(
    stages: Stages = None,
    force: Annotated[bool, typer.Option("--force", help="Run these stages again even if they are up to date.")] = False,
    on: On = "here",
    max_gpu_hours: Annotated[
        float | None, typer.Option(min=0, help="Stop before the run exceeds this, by past runs and by measurement.")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the Prometheus metrics during the run.")
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(help="Address of the metrics, 0.0.0.0 for all; default: 127.0.0.1 (in a pod, all).")
    ] = "",
) -> None:
    """Bring stages up to date.

    You can stop a run at any time: the same command resumes it.
    """
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
    plan: Annotated[bool, typer.Option("--plan", help="Only show the base run and what would run.")] = False,
    promote: Annotated[
        bool, typer.Option("--promote/--no-promote", help="Let the gate decide, or keep the model as candidate.")
    ] = True,
    on: On = "here",
) -> None:
    """Train the champion on new sources.

    Trains the champion's text-to-video model on sources added since, and promotes it if it is better. All other models
    stay the champion's, by hash. With too few new sources (section `finetune` of params.yaml) it is skipped. It works
    in .videopoet/finetune, a separate checkout in which all commands work. Exit code 1: refused.
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
        list[str] | None, typer.Option(help="TYPE/NAME of a Prefect block that sends notifications when runs end.")
    ] = None,
) -> None:
    """Run the deployments of prefect.yaml.

    Starts a Prefect server, unless PREFECT_API_URL names one, and a worker. Runs until you stop it.
    """
    from flows.deployments import serve as serving

    raise typer.Exit(serving.serve(enter(), on, notify or []))


@app.command()
def plan(
    stages: Stages = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="Also estimate time and cost from past runs.")] = False,
) -> None:
    """Show what would run, and why.

    Also shows which results are up to date and where they are. Pulls no data and runs nothing.
    """
    from flows.cli import session

    session.show_plan(enter(), tuple(stages or ()), with_estimate=estimate)


@app.command()
def doctor() -> None:
    """Check this machine.

    Checks versions, disk, memory, GPUs, repository, codecs, port, remote and cluster, and names a remedy for each
    problem.
    """
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
def profile(name: Annotated[str, typer.Argument(help="Name of a file in profiles/, without the suffix.")]) -> None:
    """Switch params.yaml to a profile.

    Also lists the changed values.
    """
    from flows.cli import profiles

    enter()
    lines = profiles.use(name)
    for line in lines:
        print(line)
    print(f"{PARAMS} is now profile `{name}`: {len(lines)} values changed")


@app.command()
def status() -> None:
    """Show the current or the last run."""
    from flows.runs import run_status

    for line in run_status.status(enter()):
        print(line)


@app.command()
def logs(
    stage: Annotated[str, typer.Argument(help="Stage, or the beginning of its name.")],
    run: Annotated[str, typer.Option(help="First digits of a past run's hash, or latest.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log until the stage ends.")] = False,
) -> None:
    """Show the log of a stage."""
    from flows.runs import run_status

    for text in run_status.logs(enter(), stage, run, follow=follow):
        print(text, end="", flush=True)


@app.command()
def cancel() -> None:
    """Stop the current run gracefully.

    Waits until it has ended. `videopoet run` resumes it.
    """
    from flows.runs import run_status

    print(run_status.cancel(enter()))


@app.command()
def lineage(
    target: Annotated[str, typer.Argument(help="File, output, or first digits of a hash or clip ID.")] = "",
    forward: Annotated[str, typer.Option(help="Source file, alias/path or SHA-256: show what was made from it.")] = "",
) -> None:
    """Trace a result, or a source with --forward.

    Shows what a result was made from, back to the sources; with --forward, all outputs that contain a source or depend
    on it.
    """
    from flows.dvc.repository import Repository
    from flows.runs import forward_lineage
    from flows.runs import lineage as backward

    if bool(target) == bool(forward):
        raise ValueError("give either a file or hash, or a source with --forward")
    repository = Repository(enter().root)
    recorded = {stage.name: repository.recorded(stage.name) for stage in repository.graph().stages}
    entries = {name: entry for name, entry in recorded.items() if entry}
    for line in forward_lineage.lines(entries, forward) if forward else backward.lines(entries, target):
        print(line)


@app.command()
def reproduce(
    run: runs_commands.Run,
    stage: Annotated[str, typer.Option(help="Only this stage, with its inputs by hash from cache or remote.")] = "",
    into: Annotated[Path | None, typer.Option(help="Folder to work in; default: in .videopoet/reproduce.")] = None,
    media: Annotated[list[str] | None, typer.Option(help="ALIAS=FOLDER or ALIAS=STORE of the run's media.")] = None,
    tolerance: Annotated[float, typer.Option(help="Relative tolerance of numbers on another platform.")] = 0.05,
) -> None:
    """Run a record again and compare.

    Runs it in a clean folder and prints for each stage: identical, within tolerance, different or not run. Exit code 1
    if a stage is different or did not run.
    """
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
    """Show the path of the report."""
    from flows.dvc.repository import Repository
    from flows.runs import run_records as records

    workspace = enter()
    found = records.report_of(Repository(workspace.root).graph())
    if found is None:
        raise ValueError("there is no report yet: run `videopoet run`")
    print(found / "index.html")
    if show:
        typer.launch(str((found / "index.html").absolute()))


@app.command()
def generate(
    task: Annotated[str, typer.Option(help="Task, such as text-to-video; an unknown one lists all.")],
    output: Annotated[Path, typer.Option(help="File to write: .mp4, or .png for an image.")],
    prompt: Annotated[str, typer.Option(help="Text prompt.")] = "",
    image: Annotated[Path | None, typer.Option(help="Image, or a clip whose first frame is used.")] = None,
    video: Annotated[
        Path | None, typer.Option(help="Clip to continue, inpaint, outpaint, stylize or add audio to.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="Mask image, white where the clip is inpainted.")] = None,
    audio: Annotated[Path | None, typer.Option(help="Audio file, or a clip with audio.")] = None,
    orientation: Annotated[str, typer.Option(help="square or portrait.")] = "square",
    long: Annotated[bool, typer.Option("--long", help="Generate the longer clip.")] = False,
    scale: Annotated[int, typer.Option(help="Resolution: 1, 2 or 4 times the base.")] = 1,
    seed: Annotated[int, typer.Option(help="Random seed; equal seeds give equal samples.")] = 0,
) -> None:
    """Generate a video with audio, or an image.

    Uses the models of the last run.
    """
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
    """Run the command line; errors that a user can fix are one line, not a traceback."""
    try:
        app()
    except (ValueError, errors.DataError, errors.Retryable) as error:
        print(error, file=sys.stderr)
        if isinstance(error, errors.DataError):
            sys.exit(errors.DATA)
        sys.exit(errors.RETRY if isinstance(error, errors.Retryable) else errors.CONFIGURATION)
    except KeyboardInterrupt:
        sys.exit(130)
