"""The commands `videopoet sources …`: your own media."""

from pathlib import Path
from typing import Annotated

import typer

from flows.workspace import enter

app = typer.Typer(help="Your own videos, pictures and captions.", no_args_is_help=True)


@app.command("add")
def add(
    path: Annotated[
        Path, typer.Argument(help="A folder, or a manifest (.csv, .jsonl, .parquet) with a column `path`.")
    ],
    alias: Annotated[str, typer.Option(help="Name of the folder from now on; its own if not given.")] = "",
) -> None:
    """Let your own videos and pictures join the corpus. They stay where they are."""
    from flows import sources

    path = path.absolute()
    print(sources.add(enter(), path, alias))


@app.command("list")
def listed() -> None:
    """List your sources and where they lie."""
    from flows import sources

    for line in sources.listed(enter()):
        print(line)


@app.command("remove")
def remove(
    alias: Annotated[str, typer.Argument(help="Name of the folder, as `sources list` says it.")],
) -> None:
    """Take sources out again. The files stay where they are."""
    from flows import sources

    print(f"{sources.remove(enter(), alias)} files removed from the table")
