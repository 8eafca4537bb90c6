"""Every profile builds every stage's Config, and the repository's default is `tiny`."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.common import params
from flows.finetuning import graph as finetune_graph
from flows.finetuning import settings
from flows.graph import derived, parameters, profiles
from flows.graph.parameters import Section
from flows.promotion import gate

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "profiles"
PROFILES = profiles.names(FOLDER)
GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text())


def words(value: Any) -> list[str]:
    """Every key and string in a value."""
    match value:
        case dict():
            return [word for key, inner in value.items() for word in (key, *words(inner))]
        case list():
            return [word for inner in value for word in words(inner)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_builds_every_config(profile: str) -> None:
    sections = profiles.read(profile, FOLDER)
    assert gate.of(sections)
    assert settings.of(sections).base == ""  # a run to start from is for the flow to say
    ours = {gate.SECTION, settings.SECTION}
    stages = {name: str(body["cmd"]) for name, body in derived.expanded(GRAPH).items()}
    configs = params.check({name: found for name, found in sections.items() if name not in ours}, stages)
    assert set(configs) == set(stages)
    for name, body in finetune_graph.derive(GRAPH)["stages"].items():
        match = params.COMMAND.search(body["cmd"])
        assert match, name
        assert params.build(match["component"], match["section"], sections)


def test_the_profiles_are_those_that_are_promised() -> None:
    assert tuple(PROFILES) == profiles.ORDER


def test_the_default_parameters_are_what_the_tiny_profile_composes_to() -> None:
    assert (ROOT / "params.yaml").read_text() == profiles.text("tiny", FOLDER)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_composed_profile_says_all_and_nothing_of_how_it_was_composed(profile: str) -> None:
    sections = profiles.read(profile, FOLDER)
    assert list(sections) == list(params.read(FOLDER / "base.yaml"))
    assert not {profiles.EXTENDS, profiles.SHARED} & set(words(sections))


def test_every_part_is_used() -> None:
    used = " ".join(path.read_text() for path in FOLDER.glob("*.yaml"))
    for part in FOLDER.glob("parts/*.yaml"):
        assert f"parts/{part.stem}" in used, part.name


SECTIONS = list(parameters.sections(GRAPH))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_every_parameter_is_documented(section: Section) -> None:
    missing = {f"{one.source}.{one.key.rpartition('.')[2]}" for one in section.parameters if not one.meaning}
    assert not missing, f"write a docstring below each field: {', '.join(sorted(missing))}"


@pytest.mark.parametrize("profile", PROFILES)
def test_the_keys_of_the_reference_are_those_of_the_profiles(profile: str) -> None:
    values = profiles.read(profile, FOLDER)
    assert [section.name for section in SECTIONS if section.name not in values] == []
    assert [name for name in values if name not in {section.name for section in SECTIONS}] == []
    for section in SECTIONS:
        known = {one.key: one.kind for one in section.parameters}
        for variant in section.variants or ("",):
            found = values[section.name][variant] if variant else values[section.name]
            assert keys(found, known) <= known.keys(), section.name


def keys(values: Any, known: dict[str, str], prefix: str = "") -> set[str]:
    """Dotted keys, of the mappings that are no value themselves."""
    if not isinstance(values, dict) or known.get(prefix.removesuffix("."), "section").startswith("dict"):
        return set()
    return {f"{prefix}{key}" for key in values}.union(
        *(keys(one, known, f"{prefix}{key}.") for key, one in values.items())
    )
