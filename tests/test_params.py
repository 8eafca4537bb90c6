"""Every profile builds every stage's Config, and the repository's default is `tiny`."""

from pathlib import Path

import pytest
import yaml

from components.common import params
from flows.finetuning import settings
from flows.promotion import gate

ROOT = Path(__file__).parents[1]
PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))


def commands(graph: str) -> dict[str, str]:
    """Stage -> command, with the matrices of the graph spelled out."""
    found: dict[str, str] = {}
    for stage, body in yaml.safe_load((ROOT / graph).read_text())["stages"].items():
        ((key, values),) = body.get("matrix", {"": [""]}).items()
        for value in values:
            found[f"{stage}@{value}" if value else stage] = body["cmd"].replace(f"${{item.{key}}}", value)
    return found


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_builds_every_config(profile: str) -> None:
    sections = params.read(ROOT / "profiles" / f"{profile}.yaml")
    assert gate.of(sections)
    assert settings.of(sections).base == ""  # a run to start from is for the flow to say
    ours = {gate.SECTION, settings.SECTION}
    stages = commands("dvc.yaml")
    configs = params.check({name: found for name, found in sections.items() if name not in ours}, stages)
    assert set(configs) == set(stages)
    for command in commands("dvc.finetune.yaml").values():
        match = params.COMMAND.search(command)
        assert match
        assert params.build(match["component"], match["section"], sections)


def test_the_profiles_are_those_that_are_promised() -> None:
    assert PROFILES == ["paper_1b", "paper_300m", "paper_8b", "small", "test", "tiny"]


def test_the_default_parameters_are_the_tiny_profile() -> None:
    assert (ROOT / "params.yaml").read_text() == (ROOT / "profiles" / "tiny.yaml").read_text()


def test_a_paper_profile_has_the_papers_numbers() -> None:
    formats = params.read(ROOT / "profiles" / "paper_8b.yaml")["formats"]
    assert (formats["fps"], formats["clip_frames"], formats["long_frames"]) == (8, 17, 41)
    assert (formats["height_px"], formats["portrait_height_px"], formats["text_tokens"]) == (128, 224, 64)
