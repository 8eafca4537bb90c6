"""Parameters are read from the source of config.py, with types and docstrings."""

from pathlib import Path

import pytest

from flows.graph import parameters
from flows.graph.parameters import Parameter

CONFIG = '''
from dataclasses import dataclass
from typing import Literal

from components.common.formats import Formats
from components.other import config as other
from components.other.config import Mix as Mixture

Kind = Literal["a", "b"]


@dataclass(frozen=True)
class Model:
    name: str
    """Its name."""


@dataclass(frozen=True)
class Config:
    """One training
    of many."""

    formats: Formats
    kind: Kind | None
    """Which; null
    for none."""
    mix: Mixture
    rate: other.Rate
    models: tuple[Model, ...]
    """All of them."""
    last: float

    def __post_init__(self) -> None:
        """Check."""
'''
OTHER = """
class Rate:
    peak: float
    'Highest.'


class Mix:
    tasks: dict[str, float]
    'Task -> weight.'
"""
GRAPH = {
    "stages": {
        "one": {"matrix": {"set": ["x", "y"]}, "cmd": "python -m components one --params one.${item.set} --output o"},
        "other": {"cmd": "python something.py"},
    }
}


@pytest.fixture(autouse=True)
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"one": CONFIG, "other": OTHER}.items():
        folder = tmp_path / "components" / name
        folder.mkdir(parents=True)
        (folder / "config.py").write_text(text)
    formats = tmp_path / "components/common/formats.py"
    formats.parent.mkdir()
    formats.write_text("class Formats:\n    fps: int\n    'Frames a second.'\n")
    monkeypatch.setattr(parameters, "SOURCE", tmp_path)
    monkeypatch.setattr(parameters, "ELSEWHERE", {"formats": ("components.common.formats", "Formats")})
    parameters._tree.cache_clear()
    yield
    parameters._tree.cache_clear()


def test_a_section_has_the_fields_of_its_config_and_of_what_is_in_it():
    formats, one = parameters.sections(GRAPH)
    own, model = "components.one.config.Config", "components.one.config.Model"
    assert (one.name, one.meaning, one.variants) == ("one", "One training of many.", ("x", "y"))
    assert one.parameters == (
        Parameter("kind", "Literal['a', 'b'] | None", "Which; null for none.", own),
        Parameter("mix", "section", "", own),
        Parameter("mix.tasks", "dict[str, float]", "Task -> weight.", "components.other.config.Mix"),
        Parameter("rate", "section", "", own),
        Parameter("rate.peak", "float", "Highest.", "components.other.config.Rate"),
        Parameter("models", "tuple[section, ...]", "All of them.", own),
        Parameter("models[].name", "str", "Its name.", model),
        Parameter("last", "float", "", own),
    )
    assert formats.parameters == (Parameter("fps", "int", "Frames a second.", "components.common.formats.Formats"),)
