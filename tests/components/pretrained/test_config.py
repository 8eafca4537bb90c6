"""Only what cannot change under us may be fetched."""

import pytest

from components.common.params import typed
from components.pretrained.config import Config, Source

HASH, COMMIT = "a" * 64, "b" * 40


def test_none_is_a_valid_choice() -> None:
    assert typed(Config, {"threads": 1, "models": []}, "pretrained") == Config(1, ())


def test_a_model_is_built_from_plain_values() -> None:
    model = {
        "name": "t5",
        "kind": "huggingface",
        "id": "google/t5",
        "revision": COMMIT,
        "sha256": {"config.json": HASH},
        "licence": "Apache-2.0",
    }
    config = typed(Config, {"threads": 1, "models": [model]}, "pretrained")
    assert config.models[0] == Source("t5", "huggingface", "google/t5", COMMIT, {"config.json": HASH}, "Apache-2.0")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (("T 5", "file", "x", "", {"a": HASH}, ""), "a name is"),
        (("t5", "huggingface", "x", "main", {"a": HASH}, ""), "a branch or tag can move"),
        (("t5", "file", "x", COMMIT, {"a": HASH}, ""), "has no revision"),
        (("t5", "file", "x", "", {}, ""), "name each file"),
        (("t5", "file", "x", "", {"../a": HASH}, ""), "stay inside"),
        (("t5", "file", "x", "", {"/a": HASH}, ""), "stay inside"),
        (("t5", "file", "x", "", {"a": "abc"}, ""), "64 hex digits"),
    ],
)
def test_what_could_change_or_escape_is_refused(source: tuple[object, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Source(*source)  # type: ignore[arg-type] # wrong on purpose


def test_two_models_of_one_name_are_refused() -> None:
    source = Source("t5", "file", "x", "", {"a": HASH}, "")
    with pytest.raises(ValueError, match="once only"):
        Config(1, (source, source))
