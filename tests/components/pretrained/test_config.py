"""Only what cannot change under us may be fetched."""

import pytest

from components.common.params import typed
from components.pretrained.config import Config, PretrainedModel

SHA256, COMMIT = "a" * 64, "b" * 40


def test_none_is_a_valid_choice() -> None:
    assert typed(Config, {"threads": 1, "models": []}, "pretrained") == Config(1, ())


def test_a_model_is_built_from_plain_values() -> None:
    model = {
        "name": "t5",
        "kind": "huggingface",
        "id": "google/t5",
        "revision": COMMIT,
        "sha256": {"config.json": SHA256},
        "license": "Apache-2.0",
    }
    config = typed(Config, {"threads": 1, "models": [model]}, "pretrained")
    assert config.models[0] == PretrainedModel(
        "t5", "huggingface", "google/t5", COMMIT, {"config.json": SHA256}, "Apache-2.0"
    )


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (("T 5", "file", "x", "", {"a": SHA256}, ""), "a name is"),
        (("t5", "huggingface", "x", "main", {"a": SHA256}, ""), "a branch or tag can move"),
        (("t5", "file", "x", COMMIT, {"a": SHA256}, ""), "has no revision"),
        (("t5", "file", "x", "", {}, ""), "name each file"),
        (("t5", "file", "x", "", {"../a": SHA256}, ""), "stay inside"),
        (("t5", "file", "x", "", {"/a": SHA256}, ""), "stay inside"),
        (("t5", "file", "x", "", {"a": "abc"}, ""), "64 hex digits"),
    ],
)
def test_what_could_change_or_escape_is_refused(model: tuple[object, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PretrainedModel(*model)  # type: ignore[arg-type] # wrong on purpose


def test_two_models_of_one_name_are_refused() -> None:
    model = PretrainedModel("t5", "file", "x", "", {"a": SHA256}, "")
    with pytest.raises(ValueError, match="once only"):
        Config(1, (model, model))
