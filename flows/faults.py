"""What a user must mend before anything runs."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from components.common import codelock, params
from flows import gate, settings
from flows.graph import Graph
from flows.modules import is_lock
from flows.stages import Repository
from flows.workspace import PARAMS


def check(repository: Repository) -> None:
    """Raise ValueError that names every fault of the checkout that is the current folder."""
    check_params(repository.commands())
    if stale := list(stale_code(repository.graph())):
        raise ValueError("\n".join(stale))


def check_params(commands: Mapping[str, str]) -> None:
    """Raise one ValueError that names every fault of params.yaml, by the commands of the stages."""
    found = [match["section"].split(".")[0] for match in map(params.COMMAND.search, commands.values()) if match]
    if found:
        sections = params.read(Path(PARAMS))
        ours = {gate.SECTION, settings.SECTION} - {*found}
        params.check({name: section for name, section in sections.items() if name not in ours}, commands)
        gate.of(sections)
        settings.of(sections)


def stale_code(graph: Graph) -> Iterator[str]:
    """Code that changed since its lock was written: the plan does not see it, and the stage would refuse to run."""
    locked = {Path(path).stem for stage in graph.stages for path in stage.deps if is_lock(path)}
    checks: list[Callable[[], None]] = [
        partial(codelock.check, name) for name in sorted(locked & {*codelock.components()})
    ]
    for check in [*checks, codelock.check_graph] if checks else []:
        try:
            check()
        except ValueError as error:
            yield str(error)
