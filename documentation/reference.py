"""The generated reference pages, by file name. A page is a function without arguments that returns Markdown."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from documentation import cli, configuration, environment, exit_codes, schemas
from flows.cli import parameter_reference

ROOT = Path(__file__).parents[1]

PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli.page,
    "parameters.md": partial(parameter_reference.markdown, ROOT),
    "exit-codes.md": exit_codes.page,
    "environment.md": environment.page,
    "schemas.md": schemas.page,
    "placement.md": configuration.placement,
    "prefect-parameters.md": configuration.prefect_parameters,
}


def write(folder: Path) -> Iterator[str]:
    """Write the pages whose text changed, and yield their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        path, text = folder / name, page()
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
            yield name
