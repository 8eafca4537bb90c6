"""The commands `videopoet runs …`: the records of past runs, listed, shown and compared."""

from typing import Annotated

import typer

from flows.machine.workspace import enter

app = typer.Typer(help="The records of past runs.", invoke_without_command=True)
Run = Annotated[
    str, typer.Argument(help="The first digits of a run's hash; or latest, or latest~1 for the one before it.")
]


@app.callback()
def runs(
    context: typer.Context,
    remote: Annotated[bool, typer.Option("--remote", help="Those in the default remote too.")] = False,
) -> None:
    """List the records of past runs, the newest first."""
    from flows.runs import record_view
    from flows.runs import run_records as records

    if context.invoked_subcommand:
        return
    for record in records.listed(enter(), remote=remote):
        print(record_view.brief(record))


@app.command("show")
def runs_show(
    run: Run,
    as_json: Annotated[bool, typer.Option("--json", help="The record as it is.")] = False,
) -> None:
    """Show a record: what ran, when, from what, what that took and what it measured."""
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
    """Say what differs between two runs, old → new: commands, parameters, code, inputs, outputs, metrics."""
    from flows.runs import record_view
    from flows.runs import run_records as records

    workspace = enter()
    one, other = records.find(workspace, old), records.find(workspace, new)
    differences = list(record_view.difference(one, other))
    print("\n".join(differences) or "the two are equal: the same work with the same results")
    for line in record_view.circumstances(records.read(one), records.read(other)):
        print(line)


@app.command("pin")
def runs_pin(run: Run, off: Annotated[bool, typer.Option("--off", help="Let it go again.")] = False) -> None:
    """Pin a run, so that `videopoet gc` keeps it."""
    from flows.promotion import cleanup

    name = cleanup.pin(enter(), run, pinned=not off)
    print(f"{name} is {'no longer pinned' if off else 'pinned'}")
