"""Final states of flow runs.

Promoted, Refused and Skipped are named Completed states: the flow did its work. Prefect shows the name, and its
notifications contain the message. Errors are Failed states.
"""

from collections.abc import Callable
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.machine.processes import Interrupted
from flows.machine.workspace import Workspace
from flows.promotion.promoter import Promoter

PROMOTED, REFUSED, SKIPPED = "Promoted", "Refused", "Skipped"


def gated(workspace: Workspace, run: str, line: Callable[[str], None], result: Any) -> State[Any]:
    """Let the gate decide about the present `run`, act on it, and return the decision table as a state.

    The flow must hold the checkout exclusively. `result` is the flow's return value.
    """
    promoter = Promoter(workspace, line)
    champion = promoter.registry.at("champion")
    if champion and champion.run == run:
        return skipped(f"run {run} is already the champion: nothing has changed since", result)
    try:
        found = promoter.decide()
    except Interrupted:
        return Failed(message=f"stopped before the decision about run {run}; the next run resumes there", data=result)
    promoter.carry_out(found)
    return Completed(name=PROMOTED if found.passed else REFUSED, message="\n".join(found.lines), data=result)


def skipped(reason: str, result: Any = None) -> State[Any]:
    """Return the state of a flow that had nothing to do or could not start now."""
    return Completed(name=SKIPPED, message=reason, data=result)
