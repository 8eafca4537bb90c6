"""config.py -> the parameters of each section of params.yaml, with type and meaning.

Read from the source, so that nothing is imported: the fields of a section's dataclass, of those inside it, and the
docstring below each field.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from components.common import params
from flows.graph import derived

SOURCE = Path(__file__).parents[2]
FORMATS = "formats"
ELSEWHERE = {  # sections that are no stage's own: the module and class that say what they hold
    FORMATS: ("components.common.formats", "Formats"),
    "finetune": ("flows.finetuning.settings", "Settings"),
    "gate": ("flows.promotion.gate", "Gate"),
}


@dataclass(frozen=True)
class Parameter:
    """A field of a dataclass."""

    key: str  # dotted, below its section
    kind: str
    meaning: str  # its docstring, in one line
    source: str  # module and class


@dataclass(frozen=True)
class Section:
    """Parameters of a top-level key of params.yaml, or of each of `variants`, the keys below it."""

    name: str
    meaning: str
    parameters: tuple[Parameter, ...]
    variants: tuple[str, ...]


def sections(graph: Mapping[str, Any]) -> Iterator[Section]:
    """Yield the sections of params.yaml: `formats`, those of the stages of a graph in its order, then the others."""
    found: dict[str, tuple[str, str]] = {FORMATS: ELSEWHERE[FORMATS]}
    variants: dict[str, list[str]] = {}
    for body in derived.expanded(graph).values():
        if match := params.COMMAND.search(str(body["cmd"])):
            name, _, variant = match["section"].partition(".")
            found[name] = (f"components.{match['component']}.config", "Config")
            variants[name] = [*variants.get(name, []), *([variant] if variant else [])]
    for name, (module, kind) in {**found, **ELSEWHERE}.items():
        meaning = _line(ast.get_docstring(_defined(module, kind)[1]) or "")
        yield Section(name, meaning, tuple(fields_of(module, kind)), tuple(variants.get(name, ())))


def fields_of(module: str, kind: str, prefix: str = "") -> Iterator[Parameter]:
    """Yield the fields of a dataclass that a module defines or imports, those inside its fields included."""
    module, definition = _defined(module, kind)
    for base in definition.bases:
        for inherited in dataclasses_of(base, module):
            yield from fields_of(*inherited, prefix=prefix)
    for field, below in zip(definition.body, [*definition.body[1:], None], strict=True):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        key = prefix + field.target.id
        if key == FORMATS:  # a section of its own
            continue
        inner = next(dataclasses_of(field.annotation, module), None)
        listed = "[]" if inner and ast.unparse(field.annotation).startswith(("list", "tuple")) else ""
        source = f"{module}.{definition.name}"
        yield Parameter(key, _kind(field.annotation, module), _docstring(below), source)
        if inner:
            yield from fields_of(*inner, prefix=f"{key}{listed}.")


def _docstring(below: ast.stmt | None) -> str:
    match below:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return _line(text)
    return ""


def _line(text: str) -> str:
    return " ".join(text.split())


@cache
def _tree(module: str) -> ast.Module:
    path = SOURCE.joinpath(*module.split("."))
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


def _found(module: str, name: str) -> tuple[str, ast.ClassDef | ast.expr] | None:
    """Return where a name, `Mix` or `config.Mix`, is defined, if here: the module, and a class or an alias's value."""
    outer, _, name = name.rpartition(".")
    for node in _tree(module).body:
        match node:
            case ast.ClassDef() if node.name == name and not outer:
                return module, node
            case ast.Assign(targets=[ast.Name(id=target)]) if target == name and not outer:
                return module, node.value
            case ast.ImportFrom(module=str(origin)) if origin.split(".")[0] in ("components", "flows"):
                for alias in node.names:
                    if (alias.asname or alias.name) == (outer or name):
                        return _found(f"{origin}.{alias.name}", name) if outer else _found(origin, alias.name)
    return None


def _defined(module: str, kind: str) -> tuple[str, ast.ClassDef]:
    found = _found(module, kind)
    assert found, f"{module} has no {kind}"
    assert isinstance(found[1], ast.ClassDef), f"{module}.{kind} is no class"
    return found[0], found[1]


def dataclasses_of(annotation: ast.expr, module: str) -> Iterator[tuple[str, str]]:
    """Yield module and name of each class of this project in an annotation of `module`."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name | ast.Attribute):
            match _found(module, ast.unparse(node)):
                case (origin, ast.ClassDef(name=name)):
                    yield origin, name


def _kind(annotation: ast.expr, module: str) -> str:
    """Return an annotation as it is written, with aliases spelled out and a dataclass as `section`."""

    class Spelled(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            if isinstance(node, ast.Name | ast.Attribute):
                match _found(module, ast.unparse(node)):
                    case (_, ast.ClassDef()):
                        return ast.Name("section")
                    case (origin, ast.expr() as value):
                        return ast.parse(_kind(value, origin), mode="eval").body
            return self.generic_visit(node)

    return ast.unparse(Spelled().visit(ast.parse(ast.unparse(annotation), mode="eval").body))
