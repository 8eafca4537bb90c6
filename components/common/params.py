"""params.yaml -> the typed Config of a stage.

Every key of a section must be there, be known and have its type: nothing has a silent default, so a parameter file
says all that a run was given. Errors name the key by its full path.
"""

import re
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser

PARAMS = Path("params.yaml")
COMMAND = re.compile(r"-m components (?P<component>\w+) --params (?P<section>[\w.]+)")


def read(path: Path = PARAMS) -> dict[str, Any]:
    """Read a parameter file; raises ValueError if it is missing or is no mapping."""
    if not path.is_file():
        raise ValueError(f"{path} does not exist: run `videopoet profile tiny` to write one")
    try:
        values = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold sections, found {type(values).__name__}")
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
    """Build dataclass `kind` from plain values, strictly; raises ValueError with the section's name in it."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--section", type=kind)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return parser.instantiate(parser.parse_object({"section": dict(values)})).section
    except ArgumentError as error:
        raise ValueError(f"params.yaml, section `{section}`: {_plain(str(error), section)}") from None
    except ValueError as error:
        raise ValueError(f"params.yaml, section `{section}`: {error}") from None


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
    faults += [f"params.yaml: no stage reads section `{name}`: remove it, or mend its name" for name in unknown]
    if faults:
        raise ValueError("\n".join(sorted(set(faults))))
    return configs


def _plain(message: str, section: str) -> str:
    """Say what the library found in the words of a parameter file."""
    for pattern, words in (
        (r"\s+", " "),
        (r"<class '(\w+)'>", r"\1"),
        (r"typing\.Literal", "one of "),
        (r"Group '[\w.]+' does not accept option '([\w.]+)'", r"unknown key `\1`: remove it, or mend its name"),
        (r"the following arguments are required: ([\w., ]+)", r"missing: \1: add it (profiles/base.yaml shows values)"),
        (r"Parser key \"([\w.]+)\": Expected an? (.+)\. Got value: (.*)", r"`\1` must be \2, found \3"),
        (r"\bsection\.", f"{section}."),
    ):
        message = re.sub(pattern, words, message)
    return message.strip()
