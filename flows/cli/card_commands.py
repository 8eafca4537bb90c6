"""The command `videopoet card`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.machine.workspace import enter

app = typer.Typer()


@app.command("card")
def card(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of another card, such as one that the drift gate rejected.")
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Make it the reference for the drift gate.")] = False,
    docs: Annotated[
        Path | None,
        typer.Option(
            "--data-docs",
            metavar="FOLDER",
            help="Write Great Expectations' pages of the gates for clips, kept clips and tokens into a new folder."
            " They contain the time and load styles from the web, so no stage writes them.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Show or accept the data card.

    Prints the path of its page. With --accept, later data are compared with
    this card.
    """
    from flows.cli import card as cards
    from flows.dvc.repository import Repository

    if docs and (folder or accept):
        raise typer.BadParameter("--data-docs covers the gates passed here: use it alone, or with --open")
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
