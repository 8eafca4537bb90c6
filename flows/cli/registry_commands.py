"""The commands for champions and cleanup: `promote`, `rollback`, `models`, `gc`."""

from typing import Annotated

import typer

from components.common import errors
from flows.machine.workspace import enter

app = typer.Typer()


@app.command()
def promote(
    check: Annotated[bool, typer.Option("--check", help="Only show the gate's decision.")] = False,
) -> None:
    """Promote the present run if it is better.

    Compares its models with the champion by the section `gate` of params.yaml.
    The champion is scored again first, with the same judge, prompts and seeds.
    Exit code 1: refused.
    """
    from flows.execution.coordinator import exclusive_run
    from flows.machine.processes import Interrupted
    from flows.promotion.promoter import Promoter

    workspace = enter()
    with exclusive_run(workspace, print):
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
    """Make the previous champion current again.

    A second call undoes it.
    """
    from flows.runs.registry import Registry

    champion = Registry(enter().tracking_uri).roll_back()
    if champion is None:
        raise ValueError("there is no previous champion: `videopoet models` lists the registered models")
    print(f"{champion.run} is champion")


@app.command()
def models() -> None:
    """List the registered models.

    Prints version, run, decision of the gate, and aliases.
    """
    from flows.runs.registry import Registry

    for found in Registry(enter().tracking_uri).all():
        print(f"{found.version:>4}  {found.run}  {found.decision:<9} {' '.join(found.aliases)}".rstrip())


@app.command()
def gc(
    keep: Annotated[str, typer.Option(help="Runs to keep.")] = "champion,last=5,pinned",
    remote: Annotated[
        bool, typer.Option("--remote", help="Also the default remote; no run may use it meanwhile.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only show what would be deleted.")] = False,
) -> None:
    """Delete unused objects and records.

    Deletes objects of the cache, run-cache entries and records that no kept run
    and no present result needs.
    """
    from flows.dvc.repository import Repository
    from flows.execution.coordinator import exclusive_run
    from flows.finetuning import layout
    from flows.promotion import cleanup

    workspace = enter()
    wanted = cleanup.RetentionPolicy.read(keep)
    with exclusive_run(workspace, print), layout.turn(workspace):
        found = cleanup.cleaning(workspace, Repository(workspace.root), wanted, remote=remote)
        for line in found.lines():
            print(line)
        if yes:
            found.carry_out()
        print("done" if yes else "nothing was deleted: add --yes to delete")
