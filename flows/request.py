"""One request of a person -> the command that makes it, with the models that the graph's stage `generate` uses.

Where the models lie is read from that stage's command in dvc.yaml.
"""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

MODELS = "models/"


def command(stage_command: str, options: Mapping[str, object]) -> list[str]:
    """Build the command; options that are None or empty are left out.

    Raises ValueError if a model is not there yet.
    """
    words = shlex.split(stage_command)
    flags = dict(zip(words[4::2], words[5::2], strict=True))  # behind: python -m components generate
    models = {flag: path for flag, path in flags.items() if path.startswith(MODELS)}
    if missing := [path for path in models.values() if not Path(path).is_dir()]:
        raise ValueError(f"{missing[0]} is not there yet: `videopoet run` makes all models")
    asked = {f"--{name.replace('_', '-')}": value for name, value in options.items() if value not in (None, "")}
    pairs = [f"{flag}={value}" for flag, value in {**models, **asked}.items()]
    return [sys.executable, "-m", "components", "generate.request", "--params", flags["--params"], *pairs]
