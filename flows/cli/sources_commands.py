"""The commands `videopoet sources …`: your own media."""

from pathlib import Path
from typing import Annotated

import typer

from flows.machine.workspace import enter

app = typer.Typer(help="Add, list and remove your own media.", no_args_is_help=True)


@app.command("add")
def add(
    where: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="A folder (WebDataset tars included); a manifest (.csv, .jsonl, .parquet) with a column `path`"
            " or `file`; a .tar; or a prefix of an object store, such as s3://bucket/clips.",
        ),
    ],
    alias: Annotated[str, typer.Option(help="Name of the source folder; default: its own name.")] = "",
) -> None:
    """Add your own videos and images.

    The files stay where they are. A second run re-reads files whose size or
    mtime changed and marks missing ones as gone; refused files are counted by
    reason. New files form a new batch: shards of earlier batches do not change.
    """
    from flows.runs import sources

    place = where if "://" in where else str(Path(where).expanduser().absolute())
    print(sources.add(enter(), place, alias))


@app.command("list")
def listed() -> None:
    """List your sources.

    Prints their places, and counts of gone, forgotten and refused files.
    """
    from flows.runs import sources

    for line in sources.listed(enter()):
        print(line)


@app.command("forget")
def forget(
    target: Annotated[str, typer.Argument(help="File, ALIAS/PATH, or SHA-256 of its bytes.")],
) -> None:
    """Never read a source again, by any name.

    For requests to delete it. The file stays where it is, and outputs made from
    it stay until they are made again.
    """
    from flows.runs import sources

    whole = Path(target).absolute()
    print(sources.forget(enter(), str(whole) if whole.is_file() else target))


@app.command("remove")
def remove(
    alias: Annotated[str, typer.Argument(help="Name of the folder, as printed by `sources list`.")],
) -> None:
    """Remove sources.

    The files stay where they are.
    """
    from flows.runs import sources

    print(f"{sources.remove(enter(), alias)} files removed from the table")
