"""Validation of parameters and code locks before a run."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from components.common import codelock, params
from flows.dvc.repository import Repository
from flows.graph.graph import Graph
from flows.graph.modules import is_lock
from flows.machine.workspace import PARAMS

Sections = Mapping[str, Callable[[Mapping[str, Any]], object]]  # section that no stage reads -> its parser


def check(repository: Repository, sections: Sections) -> None:
    """Raise ValueError naming every fault of the checkout in the current folder."""
    check_params(repository.commands(), sections)
    if stale := list(stale_code(repository.graph())):
        raise ValueError("\n".join(stale))


def check_params(commands: Mapping[str, str], sections: Sections) -> None:
    """Raise ValueError naming the faults of params.yaml, by the stages' commands and by `sections`."""
    found = [match["section"].split(".")[0] for match in map(params.COMMAND.search, commands.values()) if match]
    if found:
        given = params.read(Path(PARAMS))
        ours = sections.keys() - {*found}
        params.check({name: section for name, section in given.items() if name not in ours}, commands)
        for read in sections.values():
            read(given)


def stale_code(graph: Graph) -> Iterator[str]:
    """Yield a message for each code lock that does not match the code; such a stage would refuse to run."""
    locked = {Path(path).stem for stage in graph.stages for path in stage.deps if is_lock(path)}
    checks: list[Callable[[], None]] = [
        partial(codelock.check, name) for name in sorted(locked & {*codelock.components()})
    ]
    for check in [*checks, codelock.check_graph] if checks else []:
        try:
            check()
        except ValueError as error:
            yield str(error)
