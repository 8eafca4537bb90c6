"""The parameter reference: every key of params.yaml with its type, meaning and value in each profile, as Markdown."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from flows.graph import parameters, profiles
from flows.graph.parameters import Parameter, Section
from flows.machine.workspace import GRAPH

BAR = r"\|"  # in a cell of a table
WIDEST = 60  # characters of a value; of a longer one the beginning is shown
HEAD = """# Parameters

Every key of `params.yaml`, and its value in each profile: `videopoet profile NAME` writes a profile's complete file.
Where a section has several variants, each holds all keys; a value that differs between them is shown for each.
"""


def markdown(root: Path = Path()) -> str:
    """Return the page, from the source, and from dvc.yaml and profiles/ of a checkout."""
    folder = root / profiles.FOLDER
    values = {name: profiles.read(name, folder) for name in profiles.names(folder)}
    graph = yaml.safe_load((root / GRAPH).read_text())
    return "\n".join([HEAD, *(line for section in parameters.sections(graph) for line in _table(section, values))])


def _table(section: Section, values: Mapping[str, Any]) -> Iterator[str]:
    yield f"## `{section.name}`\n\n{section.meaning}\n"
    if section.variants:
        yield f"Variants: {', '.join(f'`{section.name}.{variant}`' for variant in section.variants)}.\n"
    heads = ("key", "type", "meaning", *values)
    yield f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}"
    for parameter in section.parameters:
        shown = [_cell(sections[section.name], parameter, section.variants) for sections in values.values()]
        cells = (f"`{parameter.key}`", f"`{parameter.kind}`", parameter.meaning, *shown)
        yield f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"
    yield ""


def _cell(values: Mapping[str, Any], parameter: Parameter, variants: tuple[str, ...]) -> str:
    """Return a value, or one for each variant where they differ."""
    cells = {variant: _value(values[variant] if variant else values, parameter) for variant in variants or ("",)}
    first = next(iter(cells.values()))
    if all(cell == first for cell in cells.values()):
        return first
    return "<br>".join(f"{variant}: {cell}" for variant, cell in cells.items())


def _value(values: Any, parameter: Parameter) -> str:
    for part in parameter.key.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return "–"  # of a section that is null, or of the entries of a list
        values = values[part]
    if isinstance(values, Mapping) and not parameter.kind.startswith("dict"):
        return ""  # its keys have rows of their own
    if isinstance(values, float):
        return f"`{values}`"  # 2e-05, not 2.0e-05
    text = yaml.safe_dump(values, default_flow_style=True, width=10**6, allow_unicode=True)
    text = text.removesuffix("...\n").strip()
    return f"`{text if len(text) <= WIDEST else f'{text[:WIDEST]} …'}`"
