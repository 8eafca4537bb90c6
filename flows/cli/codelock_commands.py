"""The commands `videopoet codelock …`."""

import typer

from flows.machine.workspace import enter

app = typer.Typer(help="The code of each stage as an input: codelock/*.json.", no_args_is_help=True)


@app.command()
def refresh() -> None:
    """Bring codelock/ up to date with the code, after you changed it."""
    from components.common import codelock

    enter()
    changed = codelock.write_all()
    print(f"changed: {', '.join(changed)}" if changed else "nothing changed")


@app.command()
def check() -> None:
    """Does codelock/ match the code?"""
    from components.common import codelock

    enter()
    for component in codelock.components():
        codelock.check(component)
    codelock.check_graph()
    print(f"codelock/ matches the code of {len(codelock.components())} components")
