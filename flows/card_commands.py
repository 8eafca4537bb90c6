"""The command `videopoet card`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.workspace import enter

app = typer.Typer()


@app.command("card")
def card(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of another card, such as of one that the gate on drift stopped.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Compare later data with it, and stop where they drift too far.")
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Say where the card of the data is, or make it the reference that later data are compared with."""
    from flows import card as cards
    from flows.stages import Repository

    given = folder and folder.absolute()
    root = enter().root
    place = given or cards.found(Repository(root).graph())
    print(cards.accept(place) if accept else place / cards.PAGE)
    if show:
        typer.launch(str((place / cards.PAGE).absolute()))
