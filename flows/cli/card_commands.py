"""The command `videopoet card`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.machine.workspace import enter

app = typer.Typer()


@app.command("card")
def card(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of another card, such as of one that the gate on drift stopped.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Compare later data with it, and stop where they drift too far.")
    ] = False,
    docs: Annotated[
        Path | None,
        typer.Option(
            "--data-docs",
            metavar="FOLDER",
            help="Write Great Expectations' own pages of the gates of clips, kept clips and tokens into a new folder."
            " They hold the time and load styles from the web, so no stage makes them.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Say where the card of the data is, or make it the reference that later data are compared with."""
    from flows.cli import card as cards
    from flows.dvc.repository import Repository

    if docs and (folder or accept):
        raise typer.BadParameter("--data-docs is about the gates that were passed here: give it alone, or with --open")
    given, pages = folder and folder.absolute(), docs and docs.absolute()
    graph = Repository(enter().root).graph()
    if pages:
        page = cards.data_docs(graph, pages)
    else:
        place = given or cards.found(graph)
        page = place / cards.PAGE
    print(cards.accept(place) if accept else page)
    if show:
        typer.launch(str(page.absolute()))
