"""params.yaml -> the typed Config of a stage.

Every key of a section must be there, be known and have its type: nothing has a silent default, so a parameter file
says all that a run was given. Errors name the key by its full path.
"""

import json
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

PARAMS = Path("params.yaml")
COMMAND = re.compile(r"-m components (?P<component>\w+) --params (?P<section>[\w.]+)")


def read(path: Path = PARAMS) -> dict[str, Any]:
    """Read a parameter file; raises ValueError if it is missing or is no mapping."""
    if not path.is_file():
        raise ValueError(f"{path} does not exist: run `videopoet profile tiny` to write one")
    return parse(path.read_text(), str(path))


def parse(text: str, name: str = str(PARAMS)) -> dict[str, Any]:
    """Read the text of a parameter file; raises ValueError if it is no mapping."""
    try:
        values = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{name} must hold sections, found {type(values).__name__}")
    return values


def section_of(params: Mapping[str, Any], section: str) -> dict[str, Any]:
    """Look a dotted section up; raises ValueError naming the part that is missing."""
    value: Any = params
    for part in section.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise ValueError(f"params.yaml has no section `{section}`: compare it with profiles/base.yaml")
        value = value[part]
    if not isinstance(value, Mapping):
        raise ValueError(f"params.yaml: `{section}` must hold keys, found {value!r}")
    return dict(value)


def build(component: str, section: str, params: Mapping[str, Any]) -> Any:
    """Build `components.<component>.config.Config` from a section (and from `formats`, where Config wants it).

    Raises ValueError that names an unknown, missing or mistyped key by its full path.
    """
    config_class = import_module(f"components.{component}.config").Config
    values = section_of(params, section)
    if "formats" in config_class.__dataclass_fields__:
        values["formats"] = section_of(params, "formats")
    return typed(config_class, values, section)


def typed(kind: type, values: Mapping[str, Any], section: str) -> Any:
    """Build dataclass `kind` from plain values, strictly; raises ValueError that names every fault by its full path."""
    try:
        # as JSON, so that a list becomes a tuple and a mapping a dataclass, but no string a number
        return TypeAdapter(kind).validate_json(json.dumps(dict(values), default=str), strict=True, extra="forbid")
    except ValidationError as error:
        faults: dict[tuple[str, str], list[str]] = {}  # alternatives of one value are one fault
        for fault in error.errors(include_url=False):
            begin, words, end = _plain(fault, values, section)
            faults.setdefault((begin, end), []).append(words)
        lines = [f"{begin}{' or '.join(words)}{end}" for (begin, end), words in faults.items()]
        raise ValueError("\n".join(f"params.yaml, section `{section}`: {line}" for line in lines)) from None


def check(params: Mapping[str, Any], commands: Mapping[str, str]) -> dict[str, Any]:
    """Build the Config of every stage from its command line; returns stage name -> Config.

    `commands` are dvc.yaml's. Raises one ValueError that lists every fault, and every section that no stage reads.
    """
    configs, faults, read_sections = {}, [], {"formats"}
    for stage, command in sorted(commands.items()):
        if match := COMMAND.search(command):
            read_sections.add(match["section"].split(".")[0])
            try:
                configs[stage] = build(match["component"], match["section"], params)
            except ValueError as error:
                faults.append(str(error))
    unknown = sorted(set(params) - read_sections)
    faults += [f"params.yaml: no stage reads section `{name}`: remove it, or correct its name" for name in unknown]
    if faults:
        raise ValueError("\n".join(sorted(set(faults))))
    return configs


def _plain(fault: ErrorDetails, values: Mapping[str, Any], section: str) -> tuple[str, str, str]:
    """Describe what the library found, in terms of a parameter file: the key, what it must be, what it is."""
    keys: list[str] = []
    value: Any = values
    for part in fault["loc"]:  # the keys are followed by the alternative of a union
        held = isinstance(value, list) if isinstance(part, int) else isinstance(value, Mapping) and part in value
        if held:
            keys, value = [*keys, str(part)], value[part]
    path = ".".join((section, *keys))
    match fault["type"]:
        case "unexpected_keyword_argument":
            return f"unknown key `{'.'.join(keys)}`: ", "remove it, or correct its name", ""
        case "missing":
            return f"missing: {path}.{fault['loc'][-1]}: ", "add it (profiles/base.yaml shows values)", ""
        case "value_error":
            return "", str(fault["ctx"]["error"]), ""
        case "int_type" | "float_type":
            words = fault["type"].removesuffix("_type")
        case _:
            words = fault["msg"].removeprefix("Input should be ")
    return f"`{path}` must be ", words, f", found {value!r}"


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-4 is a number, as it is to DVC; to PyYAML it is text."""


EXPONENT = re.compile(r"[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+0123456789"))
