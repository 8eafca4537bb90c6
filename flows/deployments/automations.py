"""Automations of the Prefect server: mark dead flow runs as crashed, and notify people when runs end.

Automations are looked up by name, so declaring them again is idempotent. The server executes them, so they also work if
the process or machine of a run is gone. Recipients are notification blocks that Prefect stores with their secrets; they
are only named here, such as `slack-webhook/team`.

The server retries an event if its database was locked, so an automation has to remember which ends were already
notified. It also delays events of a run that was scheduled less than 5 minutes ahead, for up to 15 minutes: in the
first minutes of a per-minute schedule, notifications arrive late.
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
TAG = "videopoet"  # tag of every deployment in prefect.yaml
MISSED_HEARTBEATS = 3  # before a flow run counts as dead
NOTIFIED_S = 3600  # during which an end is not notified again
START_S = 900  # a flow run that has not started by then counts as stuck; see `grace_period_seconds` in prefect.yaml
DEAD, STUCK, NOTIFY = (f"videopoet: {words}" for words in ("the process died", "it never started", "tell how it ended"))
EVENT = "prefect.flow-run."
WAITS = {f"{EVENT}{name}" for name in ("Pending", "Submitting", "InfrastructurePending")}
CONTINUES = {
    f"{EVENT}{name}"
    for name in ("Running", "Scheduled", "AwaitingConcurrencySlot", "Cancelling", "Cancelled", "Failed", "Crashed")
}
ENDS = {f"{EVENT}{name}" for name in ("Failed", "Crashed", PROMOTED, REFUSED, SKIPPED)}
SUBJECT = "{{ flow.name }}: {{ flow_run.state.name }} ({{ flow_run.name }})"
BODY = "{{ flow_run.state.message }}\n\nflow run {{ flow_run.id }} {{ (flow_run|ui_url) or '' }}"


def declare(notify: Sequence[str]) -> None:
    """Create, update or delete the server's automations as needed; raises ValueError for a missing block."""
    with get_client(sync_client=True) as client:
        wanted = {one.name: one for one in _wanted([_block(client, name) for name in notify])}
        for name in (DEAD, STUCK, NOTIFY):
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
        words = f"its process died: {MISSED_HEARTBEATS} heartbeats, {beat_s} s apart, are missing. The next run resumes"
        yield _crash_automation(
            DEAD, {f"{EVENT}heartbeat"}, {f"{EVENT}*"}, timedelta(seconds=MISSED_HEARTBEATS * beat_s), words
        )
    words = f"it did not start within {START_S} s: check that a worker runs and has a free slot"
    yield _crash_automation(STUCK, WAITS, CONTINUES, timedelta(seconds=START_S), words)
    if blocks:
        yield AutomationCore(
            name=NOTIFY,
            trigger=EventTrigger(
                expect=ENDS,
                match_related=_related("tag", [f"prefect.tag.{TAG}"], "id"),
                for_each={"prefect.resource.id", "prefect.state-timestamp"},
                posture=Posture.Reactive,
                within=timedelta(seconds=NOTIFIED_S),
            ),
            actions=[SendNotification(block_document_id=block.id, subject=SUBJECT, body=BODY) for block in blocks],
        )


def _crash_automation(name: str, after: set[str], expect: set[str], within: timedelta, words: str) -> AutomationCore:
    """Return an automation that marks a flow run as crashed.

    It fires if none of the `expect` events arrives `within` that time `after` an event. The server ignores it for a run
    that has ended.
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
        raise ValueError(f"Prefect has no block {name}: create one on its page Blocks, and name it TYPE/NAME") from None
    if found.block_schema is None or "notify" not in found.block_schema.capabilities:
        raise ValueError(f"the block {name} cannot send notifications: use a notification block, such as slack-webhook")
    return found
