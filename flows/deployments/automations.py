"""What the Prefect server does by itself about our flow runs: it gives up on dead ones, and tells people how runs end.

Each automation is found again by its name, so declaring them twice changes nothing. They are carried out by the server,
which also sees the end of a run whose process or machine is gone. Whom to tell is said by blocks that Prefect keeps,
secrets and all, and that are only named here: `slack-webhook/team`.

The server looks at an event again where its database was locked the first time, so that an automation has to remember
the ends that people were told of.

The server also sits on the events of a run that its scheduler planned less than 5 minutes ahead, for up to 15 minutes:
in the first minutes of a schedule by the minute people are told late.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import BlockDocument, StateType
from prefect.events import EventTrigger, ResourceSpecification
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, Posture
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from flows.deployments.flow_states import PROMOTED, REFUSED, SKIPPED

FLOWS = ["retrain", "finetune", "reproduce"]
TAG = "videopoet"  # of every deployment in prefect.yaml
BEATS = 3  # that are missed before a flow run counts as dead
TOLD_S = 3600  # for which it is remembered that people were told of an end
START_S = 900  # a flow run that has not started by then never will; see `grace_period_seconds` in prefect.yaml
DEAD, STUCK, TOLD = (f"videopoet: {words}" for words in ("the process died", "it never started", "tell how it ended"))
EVENT = "prefect.flow-run."
WAITS = {f"{EVENT}{name}" for name in ("Pending", "Submitting", "InfrastructurePending")}
GOES_ON = {
    f"{EVENT}{name}"
    for name in ("Running", "Scheduled", "AwaitingConcurrencySlot", "Cancelling", "Cancelled", "Failed", "Crashed")
}
ENDS = {f"{EVENT}{name}" for name in ("Failed", "Crashed", PROMOTED, REFUSED, SKIPPED)}
SUBJECT = "{{ flow.name }}: {{ flow_run.state.name }} ({{ flow_run.name }})"
BODY = "{{ flow_run.state.message }}\n\nflow run {{ flow_run.id }} {{ (flow_run|ui_url) or '' }}"


def declare(notify: Sequence[str]) -> None:
    """Make the server's automations those that are wanted now. Raises ValueError for a block that is not there."""
    with get_client(sync_client=True) as client:
        wanted = {one.name: one for one in _wanted([_block(client, name) for name in notify])}
        for name in (DEAD, STUCK, TOLD):
            found = client.read_automations_by_name(name)
            for surplus in found[1 if name in wanted else 0 :]:
                client.delete_automation(surplus.id)
            if name in wanted and found:
                client.update_automation(found[0].id, wanted[name])
            elif name in wanted:
                client.create_automation(wanted[name])


def _wanted(blocks: Sequence[BlockDocument]) -> Iterator[AutomationCore]:
    beat_s = get_current_settings().flows.heartbeat_frequency
    if beat_s:
        words = f"its process died: {BEATS} heartbeats, {beat_s} s apart, did not come. The next run goes on from there"
        yield _given_up(DEAD, {f"{EVENT}heartbeat"}, {f"{EVENT}*"}, timedelta(seconds=BEATS * beat_s), words)
    words = f"it did not start within {START_S} s: does a worker run, and is there room for it?"
    yield _given_up(STUCK, WAITS, GOES_ON, timedelta(seconds=START_S), words)
    if blocks:
        yield AutomationCore(
            name=TOLD,
            trigger=EventTrigger(
                expect=ENDS,
                match_related=_related("tag", [f"prefect.tag.{TAG}"], "id"),
                for_each={"prefect.resource.id", "prefect.state-timestamp"},
                posture=Posture.Reactive,
                within=timedelta(seconds=TOLD_S),
            ),
            actions=[SendNotification(block_document_id=block.id, subject=SUBJECT, body=BODY) for block in blocks],
        )


def _given_up(name: str, after: set[str], expect: set[str], within: timedelta, words: str) -> AutomationCore:
    """Mark a flow run as crashed of which nothing that one may `expect` was heard `within` that time `after` an event.

    The server refuses to do so to a run that has ended.
    """
    return AutomationCore(
        name=name,
        trigger=EventTrigger(
            after=after,
            expect=expect,
            match_related=_related("flow", FLOWS, "name"),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[ChangeFlowRunState(name=None, state=StateType.CRASHED, message=words, force=False)],
    )


def _related(role: str, values: list[str], label: str) -> ResourceSpecification:
    return ResourceSpecification.model_validate({"prefect.resource.role": role, f"prefect.resource.{label}": values})


def _block(client: SyncPrefectClient, name: str) -> BlockDocument:
    kind, _, document = name.partition("/")
    try:
        found = client.read_block_document_by_name(document, kind)
    except ObjectNotFound:
        raise ValueError(f"Prefect has no block {name}: make one on its page Blocks, and name it TYPE/NAME") from None
    if found.block_schema is None or "notify" not in found.block_schema.capabilities:
        raise ValueError(f"the block {name} cannot notify anybody: choose one of a kind that can, like slack-webhook")
    return found
