"""The reference of the command lines: `videopoet` as Typer documents it, and the stages' own flags."""

import ast
import html
import re
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from documentation import tables
from flows.cli.main import app
from flows.graph import parameters

ROOT = Path(__file__).parents[1]
ENTRY_POINTS = ("stage", "part", "request")  # modules of a component that hold a `run`


def page() -> str:
    """Return the reference of `videopoet` and of `python -m components`."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="videopoet")
    text = html.unescape(get_docs_for_click(obj=command, ctx=context, name="videopoet", title="videopoet"))
    text = re.sub(r"^# videopoet\n", "## videopoet\n", text)
    text = re.sub(r"^(#+) `videopoet (.+)`$", lambda found: f"{found[1]} videopoet {found[2]}", text, flags=re.M)
    before = "Every command and option of `videopoet`, and the flags of the stages' own commands."
    source = "the Typer application and the signatures of the stages"
    return tables.page("Command line", source, before, text.strip(), stages())


def stages() -> str:
    """Return the section about `python -m components`: a row per entry point, with its flags."""
    rows = []
    for path in sorted((ROOT / "components").glob("*/*.py")):
        if path.stem in ENTRY_POINTS and (flags := flags_of(path)) is not None:
            name = path.parent.name + (f".{path.stem}" if path.stem != "stage" else "")
            rows.append([f"`{name}`", " ".join(f"`{flag}`" if needed else f"[`{flag}`]" for flag, needed in flags)])
    intro = (
        "Each stage is a plain command, `python -m components NAME --params SECTION --INPUT PATH … --output PATH`. "
        "`--params` names the section of `params.yaml`. Flags in brackets may be left out. "
        "`dvc.yaml` has the complete command of every stage."
    )
    return f"## python -m components\n\n{intro}\n\n{tables.table(['name', 'flags'], rows)}"


def flags_of(path: Path) -> list[tuple[str, bool]] | None:
    """Return the flags of a module's `run` and whether each is required; None without such a function.

    The module is parsed, not imported: importing a stage takes seconds.
    """
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == "run":
            pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            return [
                (f"--{name.replace('_', '-')}", default is None)
                for argument, default in pairs
                for name in _members(argument, module)
            ]
    return None


def _members(argument: ast.arg, module: str) -> list[str]:
    """Return the names of an argument's flags: the fields of a dataclass, else its own."""
    assert argument.annotation, argument.arg
    for found in parameters.dataclasses_of(argument.annotation, module):
        return [field.key for field in parameters.fields_of(*found)]
    return [argument.arg]
