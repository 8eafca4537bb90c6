"""The command line `videopoet`; slow imports happen in the commands that need them.

Exit codes are those of the stages (components/common/errors.py): 0 success, 1 a stage failed, 64 the user must fix
something, 65 a data gate failed, 75 temporary failure, 130 and 143 stopped by Ctrl-C or SIGTERM, resumable.
"""

import sys
from importlib import metadata
from typing import Annotated, Literal

import typer

from components.common import errors
from flows.cli import (
    card_commands,
    codelock_commands,
    profile_commands,
    registry_commands,
    results_commands,
    runs_commands,
    sources_commands,
)
from flows.machine.workspace import enter

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(results_commands.app)
app.add_typer(runs_commands.app, name="runs")
app.add_typer(registry_commands.app)
app.add_typer(card_commands.app)
app.add_typer(profile_commands.app)
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

    Train, generate and evaluate. Start with `videopoet doctor`, then `videopoet
    run`.
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

    Trains the champion's text-to-video model on sources added since, and
    promotes it if it is better. All other models stay the champion's, by hash.
    With too few new sources (section `finetune` of params.yaml) it is skipped.
    It works in .videopoet/finetune, a separate checkout in which all commands
    work. Exit code 1: refused.
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

    Starts a Prefect server, unless PREFECT_API_URL names one, and a worker.
    Runs until you stop it.
    """
    from flows.deployments import serve as serving

    raise typer.Exit(serving.serve(enter(), on, notify or []))


@app.command()
def plan(
    stages: Stages = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="Also estimate time and cost from past runs.")] = False,
) -> None:
    """Show what would run, and why.

    Also shows which results are up to date and where they are. Pulls no data
    and runs nothing.
    """
    from flows.cli import session

    session.show_plan(enter(), tuple(stages or ()), with_estimate=estimate)


@app.command()
def doctor() -> None:
    """Check this machine.

    Checks versions, disk, memory, GPUs, repository, codecs, port, remote and
    cluster, and names a remedy for each problem.
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
