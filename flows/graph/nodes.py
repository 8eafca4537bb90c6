"""A YAML file as it is written: keys, comments, and values as text.

The parsers of YAML either lose comments or keep each one beside the key before it, which is another section's. Here a
comment belongs to the key below it, and a value is copied letter by letter: `1e-4`, `0.0001` and `'off'` stay so.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

EMPTY = ("{}", "null")
INDENT = "  "


@dataclass(frozen=True)
class Node:
    """Value of a key: a mapping (`keys`), or any other value (`text`). `{}` and `null` are values."""

    above: tuple[str, ...] = ()  # comment lines above the key
    behind: str = ""  # the comment behind the value, or behind the key of a mapping
    text: str = ""
    keys: "Mapping[str, Node] | None" = None  # a key with nothing behind it is a mapping without keys


@dataclass(frozen=True)
class Document:
    """A file: the comment that begins it, and its mapping."""

    header: tuple[str, ...]
    top: Node = field(default_factory=lambda: Node(keys={}))

    def __str__(self) -> str:
        return "\n".join([*self.header, *written(self.top)]) + "\n"


def parse(path: Path) -> Document:
    """Read a file; raises ValueError if it is missing or no mapping.

    The comment that begins it ends at the first empty line.
    """
    if not path.is_file():
        raise ValueError(f"{path} does not exist")
    source = path.read_text()
    try:
        root = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(root, yaml.MappingNode):
        raise ValueError(f"{path} must hold keys")
    lines = source.splitlines()
    end = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return Document(tuple(lines[:end]), Node(keys=_keys(root, source, [""] * end + lines[end:])))


def written(node: Node, depth: int = 0) -> Iterator[str]:
    """Yield the lines of a mapping; an empty line precedes each section."""
    margin = INDENT * depth
    for key, value in (node.keys or {}).items():
        if depth == 0:
            yield ""
        yield from (margin + line for line in value.above)
        behind = f" {value.behind}" if value.behind else ""
        if value.keys is not None:
            yield f"{margin}{key}:{behind}"
            yield from written(value, depth + 1)
        elif value.text.startswith("- "):
            yield f"{margin}{key}:{behind}"
            yield textwrap.indent(value.text, margin + INDENT)
        else:
            yield f"{margin}{key}: {value.text}{behind}"


def _keys(mapping: yaml.MappingNode, source: str, lines: list[str]) -> dict[str, Node]:
    found = {}
    for key, value in mapping.value:
        name = source[key.start_mark.index : key.end_mark.index]
        above = _above(lines, key.start_mark)
        if isinstance(value, yaml.MappingNode) and value.value:
            keys: Mapping[str, Node] | None = _keys(value, source, lines)
        else:
            keys = {} if not source[value.start_mark.index : value.end_mark.index].strip() else None
        text = _text(value, source) if keys is None else ""
        # of a value that ends where it begins the line's rest is read; of a block, that of its key
        mark = value.end_mark if keys is None and not text.startswith("- ") else key.end_mark
        rest = re.fullmatch(r":?\s*(#.*)", lines[mark.line][mark.column :]) if mark.line < len(lines) else None
        found[name] = Node(above, rest[1] if rest else "", text, keys)
    return found


def _above(lines: list[str], mark: yaml.Mark) -> tuple[str, ...]:
    """Comment lines directly above a key that begins its line."""
    start = mark.line
    if lines[mark.line][: mark.column].strip():
        return ()
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return tuple(line.strip() for line in lines[start : mark.line])


def _text(value: yaml.Node, source: str) -> str:
    text = source[value.start_mark.index : _end(value)]
    if isinstance(value, yaml.SequenceNode) and not value.flow_style:
        return textwrap.dedent(" " * value.start_mark.column + text)
    return text


def _end(node: yaml.Node) -> int:
    """Return where a value ends; the parser's end of a block is behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)
