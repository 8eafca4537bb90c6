"""The command `videopoet profile`."""

from typing import Annotated

import typer

from flows.machine.workspace import PARAMS, enter

app = typer.Typer()


@app.command()
def profile(
    name: Annotated[str, typer.Argument(help="A profile; without one, the profiles are listed.")] = "",
    reference: Annotated[
        bool, typer.Option("--reference", help="Print what every parameter means, and its value in each profile.")
    ] = False,
) -> None:
    """Switch params.yaml to a profile.

    Also lists the changed values. Without NAME it lists the profiles.
    """
    from flows.cli import parameter_file, parameter_reference

    enter()
    if reference:
        print(parameter_reference.markdown(), end="")
    elif not name:
        for line in parameter_file.listed():
            print(line)
    else:
        lines = parameter_file.use(name)
        for line in lines:
            print(line)
        print(f"{PARAMS} is now profile `{name}`: {len(lines)} values changed")
