"""The commands `videopoet runs …`: list, show and compare the records of past runs."""

from typing import Annotated

import typer

from flows.machine.workspace import enter

app = typer.Typer(help="List, show and compare past runs.", invoke_without_command=True)
Run = Annotated[str, typer.Argument(help="First digits of a run's hash; or latest, or latest~1 for the one before it.")]


@app.callback()
def runs(
    context: typer.Context,
    remote: Annotated[bool, typer.Option("--remote", help="Also list records in the default remote.")] = False,
) -> None:
    """List, show and compare past runs.

    Without a command, lists the records, newest first.
    """
    from flows.runs import record_view
    from flows.runs import run_records as records

    if context.invoked_subcommand:
        return
    for record in records.listed(enter(), remote=remote):
        print(record_view.brief(record))


@app.command("show")
def runs_show(
    run: Run,
    as_json: Annotated[bool, typer.Option("--json", help="Print record.json.")] = False,
) -> None:
    """Show a record.

    Prints what ran, when, from which inputs, its resource usage and its
    metrics.
    """
    from flows.runs import record_view
    from flows.runs import run_records as records

    folder = records.find(enter(), run)
    print(
        (folder / records.RECORD).read_text().rstrip()
        if as_json
        else "\n".join(record_view.whole(records.read(folder)))
    )


@app.command("diff")
def runs_diff(old: Run, new: Run) -> None:
    """Compare two runs.

    Prints the differences, old → new: commands, parameters, code, inputs,
    outputs, metrics.
    """
    from flows.runs import record_view
    from flows.runs import run_records as records

    workspace = enter()
    one, other = records.find(workspace, old), records.find(workspace, new)
    differences = list(record_view.difference(one, other))
    print("\n".join(differences) or "the runs are equal: the same inputs and the same outputs")
    for line in record_view.circumstances(records.read(one), records.read(other)):
        print(line)


@app.command("pin")
def runs_pin(run: Run, off: Annotated[bool, typer.Option("--off", help="Unpin it.")] = False) -> None:
    """Pin a run: `videopoet gc` keeps it."""
    from flows.promotion import cleanup

    name = cleanup.pin(enter(), run, pinned=not off)
    print(f"{name} is {'no longer pinned' if off else 'pinned'}")
