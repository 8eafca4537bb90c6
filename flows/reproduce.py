"""The flow `reproduce`: a record run again, as a deployment does it. `flows.reproduction` has all of it."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from components.common.runtime import root_of
from flows.machine.workspace import Workspace
from flows.reproduction.reproduction import reproduce as reproduction


@flow(name="reproduce", persist_result=False, log_prints=True)
def reproduce(run: str, stage: str = "", media: dict[str, str] | None = None, tolerance: float = 0.05) -> State[Any]:
    """Run a record again in a clean folder, and say of each stage whether it came out the same.

    Args:
        run: The first digits of the run's hash.
        stage: This stage alone, its inputs taken by hash from cache or remote; all if empty.
        media: Where media of the run's own sources lie: alias -> folder, or address of a store.
        tolerance: What numbers may differ by on another class of machine.
    """
    roots = {alias: root_of(root) for alias, root in (media or {}).items()}
    found = reproduction(Workspace.find(), run, stage, None, roots, tolerance)
    return (Failed if found.code else Completed)(message="\n".join(found.lines))
