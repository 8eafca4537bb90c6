"""What prefect.yaml and the automations declare, against a server."""

import inspect
from typing import Any

import pytest
import yaml
from prefect.utilities.importtools import import_object

from flows.deployments import automations
from tests.flows.conftest import PROJECT

DEPLOYMENTS = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]


def declared() -> dict[str, Any]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = [one for one in client.read_automations() if one.name.startswith("videopoet: ")]
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


def test_declaring_twice_changes_nothing_and_who_is_not_named_any_more_is_not_told(prefect_server):
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    block = CustomWebhookNotificationBlock(name="team", url="http://localhost:9/", json_data={"text": "{{body}}"})
    saved = block.save("team", overwrite=True)
    automations.declare(["custom-webhook/team"])
    before = declared()
    automations.declare(["custom-webhook/team"])
    assert {name: one.id for name, one in declared().items()} == {name: one.id for name, one in before.items()}
    assert set(before) == {automations.DEAD, automations.STUCK, automations.NOTIFY}
    assert [action.block_document_id for action in before[automations.NOTIFY].actions] == [saved]
    automations.declare([])
    assert set(declared()) == {automations.DEAD, automations.STUCK}


def test_a_block_that_is_not_there_or_cannot_tell_anybody_is_named(prefect_server):
    from prefect.blocks.system import Secret

    Secret(value="x").save("quiet", overwrite=True)
    with pytest.raises(ValueError, match="no block slack-webhook/nobody: create one"):
        automations.declare(["slack-webhook/nobody"])
    with pytest.raises(ValueError, match="the block secret/quiet cannot send notifications"):
        automations.declare(["secret/quiet"])


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["entrypoint"])
def test_a_deployment_is_of_a_flow_of_ours_with_its_own_parameters_and_one_run_at_a_time(deployment):
    flow = import_object(deployment["entrypoint"])
    assert flow.name in automations.FLOWS
    assert deployment["parameters"].keys() <= inspect.signature(flow.fn).parameters.keys()
    assert automations.TAG in deployment["tags"]
    assert deployment["concurrency_limit"]["limit"] == 1
    assert deployment["concurrency_limit"]["grace_period_seconds"] == automations.START_S
    assert deployment["work_pool"]["name"] == "videopoet"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["entrypoint"])
def test_every_parameter_is_explained_on_prefects_page(deployment):
    from prefect.utilities.callables import parameter_schema

    schema = parameter_schema(import_object(deployment["entrypoint"]))
    assert all(found.get("description") for found in schema.properties.values())
