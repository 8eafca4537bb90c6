from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from components.generate import prompts
from components.generate.config import Config


def test_prompts_of_a_file_follow_those_of_the_parameters(config: Config, tmp_path: Path):
    path = tmp_path / "prompts.txt"
    path.write_text("a red circle\n\n  a blue cross \n")
    digest = sha256(path.read_bytes()).hexdigest()
    asked = replace(config, prompts=("one",), prompt_file=str(path), prompt_file_sha256=digest)
    assert prompts.added(asked) == ["one", "a red circle", "a blue cross"]


def test_a_file_that_changed_is_noticed(config: Config, tmp_path: Path):
    path = tmp_path / "prompts.txt"
    path.write_text("a red circle\n")
    with pytest.raises(ValueError, match=r"has changed; if you want it so, set prompt_file_sha256: [0-9a-f]{64}"):
        prompts.added(replace(config, prompt_file=str(path), prompt_file_sha256="0" * 64))
    with pytest.raises(ValueError, match="there is no file"):
        prompts.added(replace(config, prompt_file=str(tmp_path / "none"), prompt_file_sha256="0" * 64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_tokens": 0}, "batch_tokens must be positive"),
        ({"given_frames": 4}, "given_frames must be 1 \\+ a multiple of 4"),
        ({"given_frames": 17}, "given_frames"),
        ({"inpainted": "outpaint_center"}, "name regions of their kind"),
        ({"prompt_file": "x.txt"}, "needs prompt_file_sha256"),
    ],
)
def test_nonsense_is_refused(config: Config, change: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        replace(config, **change)
