"""What became of a flow, as a named state: Prefect shows it by its name, keeps its words and sends them on.

Promoted, Refused and Skipped are kinds of Completed: the flow did its work. What went wrong is Failed, as everywhere.
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
    """Let the gate decide about the present `run` and do as it says; the state's words are the decision's table.

    For a flow that has the checkout to itself. `result` is what the flow returns besides.
    """
    promoter = Promoter(workspace, line)
    champion = promoter.registry.at("champion")
    if champion and champion.run == run:
        return skipped(f"run {run} is the champion already: nothing has changed since", result)
    try:
        found = promoter.decide()
    except Interrupted:
        return Failed(message=f"stopped before it was decided about run {run}; the next run goes on there", data=result)
    promoter.carry_out(found)
    return Completed(name=PROMOTED if found.passed else REFUSED, message="\n".join(found.lines), data=result)


def skipped(reason: str, result: Any = None) -> State[Any]:
    """There was nothing to do, or it was not the time for it."""
    return Completed(name=SKIPPED, message=reason, data=result)
