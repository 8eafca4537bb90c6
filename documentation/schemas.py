"""The reference of columns: every Arrow schema that a component defines, read from the module that defines it."""

import ast
import importlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pyarrow as pa

from components.common.artifacts import MANIFEST, Manifest
from documentation import tables

ROOT = Path(__file__).parents[1]


def page() -> str:
    """Return the reference of tables: a section per schema, with columns and types, and the fields of a manifest."""
    before = (
        "Columns of the tables that stages write. [Artifacts](artifacts.md) says which file has which table. "
        "Types are those of Arrow; Parquet and Arrow files have the same."
    )
    assert is_dataclass(Manifest)
    rows = [[f"`{field.name}`", f"`{getattr(field.type, '__name__', field.type)}`"] for field in fields(Manifest)]
    manifest = f"## {MANIFEST}\n\n{tables.table(['key', 'type'], rows)}"
    sections = [
        f"## {module}.{name}\n\n"
        + tables.table(["column", "type"], ([f"`{field.name}`", f"`{field.type}`"] for field in schema))
        for module, name, schema in defined()
    ]
    return tables.page("Schemas", "the schemas in `components/`", before, manifest, *sections)


def defined() -> Iterator[tuple[str, str, pa.Schema]]:
    """Yield module, name and schema of each `NAME = pa.schema(…)` at the top of a module of components."""
    for path in sorted((ROOT / "components").glob("*/*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("pa.schema("):
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                (target,) = node.targets
                name = ast.unparse(target)
                yield module.removeprefix("components."), name, getattr(importlib.import_module(module), name)
