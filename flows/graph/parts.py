"""A data stage split over several pods.

Each pod processes a part of the items into a shared cache, then one pod runs the stage. The bytes of the output do not
depend on the number of parts, and a failed part costs only time.
"""

import re

from components.common import codelock
from components.common.params import COMMAND

ENTRY_POINT = "part"
OUTPUT = re.compile(r"\s--output[ =]\S+")


def can(cmd: str) -> bool:
    """Return True if a stage with this command can be split into parts."""
    found = COMMAND.search(cmd)
    return found is not None and found["component"] in components()


def components() -> list[str]:
    """List the components that can be split into parts."""
    folder = codelock.SOURCE / "components"
    return [name for name in codelock.components() if (folder / name / f"{ENTRY_POINT}.py").is_file()]


def command(cmd: str, part: int, parts: int) -> str:
    """Return the command that processes `part` (from 0) of `parts`."""
    found = COMMAND.search(cmd)
    assert found is not None, cmd
    end = found.end("component")
    return f"{cmd[:end]}.{ENTRY_POINT}{OUTPUT.sub('', cmd[end:])} --part {part} --parts {parts}"
