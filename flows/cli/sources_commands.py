"""The commands `videopoet sources …`: your own media."""

from pathlib import Path
from typing import Annotated

import typer

from flows.machine.workspace import enter

app = typer.Typer(help="Your own videos, pictures and captions.", no_args_is_help=True)


@app.command("add")
def add(
    where: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="A folder (tars of WebDataset in it count); a manifest (.csv, .jsonl, .parquet) with a column `path`"
            " or `file`; one .tar; or a prefix of an object store, such as s3://bucket/clips.",
        ),
    ],
    alias: Annotated[str, typer.Option(help="Name of the place from now on; its own if not given.")] = "",
) -> None:
    """Let your own videos and pictures join the corpus. They stay where they are.

    Done again, it reads what changed since and marks as gone what is no longer there; what is refused is counted by
    reason. What is new is a batch of its own: shards of earlier batches stay as they are.
    """
    from flows.runs import sources

    place = where if "://" in where else str(Path(where).expanduser().absolute())
    print(sources.add(enter(), place, alias))


@app.command("list")
def listed() -> None:
    """List your sources and where they lie, with counts of what is gone, forgotten and refused."""
    from flows.runs import sources

    for line in sources.listed(enter()):
        print(line)


@app.command("forget")
def forget(
    target: Annotated[str, typer.Argument(help="A file, ALIAS/PATH, or the SHA-256 of its bytes.")],
) -> None:
    """Never read a source again, under any name: for requests to delete it.

    The file itself stays where it is, and what was made from it stays until it is made anew.
    """
    from flows.runs import sources

    whole = Path(target).absolute()
    print(sources.forget(enter(), str(whole) if whole.is_file() else target))


@app.command("remove")
def remove(
    alias: Annotated[str, typer.Argument(help="Name of the folder, as `sources list` says it.")],
) -> None:
    """Take sources out again. The files stay where they are."""
    from flows.runs import sources

    print(f"{sources.remove(enter(), alias)} files removed from the table")
