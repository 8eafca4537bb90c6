"""The commands that say which runs count: `promote`, `rollback`, `models`, `gc`."""

from typing import Annotated

import typer

from components.common import errors
from flows.machine.workspace import enter

app = typer.Typer()


@app.command()
def promote(
    check: Annotated[bool, typer.Option("--check", help="Only say what the gate would decide.")] = False,
) -> None:
    """Make the present run's models the champion, if they are better than it by the section `gate` of params.yaml.

    The champion is scored again first, with the same judge, prompts and seeds. Exit code 1: refused.
    """
    from flows.execution.coordinator import alone
    from flows.machine.processes import Interrupted
    from flows.promotion.promoter import Promoter

    workspace = enter()
    with alone(workspace, print):
        promoter = Promoter(workspace, print)
        try:
            found = promoter.decide()
        except Interrupted:
            raise typer.Exit(errors.STOPPED) from None
        for line in found.lines:
            print(line)
        if check:
            print("would be promoted" if found.passed else "would be refused")
        else:
            promoter.carry_out(found)
            print(f"promoted: {found.candidate} is champion" if found.passed else "refused")
    raise typer.Exit(0 if found.passed else 1)


@app.command()
def rollback() -> None:
    """Make the champion before the present one champion again; a second time undoes it."""
    from flows.runs.registry import Registry

    champion = Registry(enter().tracking_uri).roll_back()
    if champion is None:
        raise ValueError("there is no champion before: `videopoet models` lists what was promoted")
    print(f"{champion.run} is champion")


@app.command()
def models() -> None:
    """List the registered models: version, run, what the gate decided, aliases."""
    from flows.runs.registry import Registry

    for found in Registry(enter().tracking_uri).all():
        print(f"{found.version:>4}  {found.run}  {found.decision:<9} {' '.join(found.aliases)}".rstrip())


@app.command()
def gc(
    keep: Annotated[str, typer.Option(help="Runs to keep.")] = "champion,last=5,pinned",
    remote: Annotated[bool, typer.Option("--remote", help="The default remote too, while no run uses it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would go.")] = False,
) -> None:
    """Delete what no kept run and no present result needs: objects of the cache, run-cache entries, records."""
    from flows.dvc.repository import Repository
    from flows.execution.coordinator import alone
    from flows.finetuning import layout
    from flows.promotion import cleanup

    workspace = enter()
    wanted = cleanup.Keep.read(keep)
    with alone(workspace, print), layout.turn(workspace):
        found = cleanup.cleaning(workspace, Repository(workspace.root), wanted, remote=remote)
        for line in found.lines():
            print(line)
        if yes:
            found.carry_out()
        print("done" if yes else "nothing is deleted yet: add --yes")
