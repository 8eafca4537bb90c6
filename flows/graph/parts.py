"""A data stage over several pods: each does a part of the items, for the cache that all share, then one runs the stage.

So a stage gives the same bytes however many took part in it, and a part that was lost costs its time, not the run.
"""

import re

from components.common import codelock
from components.common.params import COMMAND

DOOR = "part"
OUTPUT = re.compile(r"\s--output[ =]\S+")


def can(cmd: str) -> bool:
    """Whether a stage with this command can be done in parts."""
    found = COMMAND.search(cmd)
    return found is not None and found["component"] in components()


def components() -> list[str]:
    """The components that can be done in parts."""
    folder = codelock.SOURCE / "components"
    return [name for name in codelock.components() if (folder / name / f"{DOOR}.py").is_file()]


def command(cmd: str, part: int, parts: int) -> str:
    """What does `part` (from 0) of `parts` of what the stage's command does."""
    found = COMMAND.search(cmd)
    assert found is not None, cmd
    end = found.end("component")
    return f"{cmd[:end]}.{DOOR}{OUTPUT.sub('', cmd[end:])} --part {part} --parts {parts}"
