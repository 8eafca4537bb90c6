"""The flow `reproduce`: a record run again, for deployments.

`flows.reproduction` implements it.
"""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from components.common.runtime import root_of
from flows.machine.workspace import Workspace
from flows.reproduction.reproduction import reproduce as reproduction


@flow(name="reproduce", persist_result=False, log_prints=True)
def reproduce(run: str, stage: str = "", media: dict[str, str] | None = None, tolerance: float = 0.05) -> State[Any]:
    """Run a record again in a clean folder, and compare each stage with the original.

    Args:
        run: First digits of the run's hash, or `latest`.
        stage: Only this stage, with its inputs by hash from cache or remote; all stages if empty.
        media: Places of the run's own sources: alias -> folder, or address of a store.
        tolerance: Relative tolerance of numbers on another platform.
    """
    roots = {alias: root_of(root) for alias, root in (media or {}).items()}
    found = reproduction(Workspace.find(), run, stage, None, roots, tolerance)
    return (Failed if found.code else Completed)(message="\n".join(found.lines))
