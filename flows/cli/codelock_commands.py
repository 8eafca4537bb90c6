"""The commands `videopoet codelock …`."""

import typer

from flows.machine.workspace import enter

app = typer.Typer(help="Update or check the code locks.", no_args_is_help=True)


@app.command()
def refresh() -> None:
    """Update codelock/ after a code change."""
    from components.common import codelock

    enter()
    changed = codelock.write_all()
    print(f"changed: {', '.join(changed)}" if changed else "nothing changed")


@app.command()
def check() -> None:
    """Check that codelock/ matches the code."""
    from components.common import codelock

    enter()
    for component in codelock.components():
        codelock.check(component)
    codelock.check_graph()
    print(f"codelock/ matches the code of {len(codelock.components())} components")
