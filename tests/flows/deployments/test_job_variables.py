"""Who may start a flow run chooses nothing about the process or the Job that it is."""

import asyncio
from typing import Any

import pytest

from flows.deployments import serve

HERE = {
    "command": "touch PWNED",
    "env": {"LD_PRELOAD": "/tmp/evil.so"},
    "env.LD_PRELOAD": "/tmp/evil.so",
    "image": "evil.example/image",
    "working_dir": "/tmp",
    "stream_output": False,
    "labels": {"app.kubernetes.io/name": "prefect"},
    "name": "evil",
}
THERE = HERE | {
    "args": ["touch", "PWNED"],
    "namespace": "kube-system",
    "service_account_name": "videopoet-worker",
    "image_pull_policy": "Always",
    "finished_job_ttl": 1,
    "cluster_config": {"config": {}, "context_name": "evil"},
    "job_manifest": {"kind": "Pod"},
    "job_manifest.spec.template.spec.hostNetwork": True,
}
VARIABLES = [("here", name, HERE[name]) for name in HERE] + [("kubernetes", name, THERE[name]) for name in THERE]


@pytest.mark.parametrize(("where", "name", "value"), VARIABLES, ids=str)
def test_nobody_chooses_anything_about_the_process_or_job_of_a_flow_run(prefect_server, where, name, value):
    """Not by a deployment, not by a run of one, and what a run without any brings is passed over."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.base import BaseJobConfiguration
    from pydantic import Field

    class Configuration(BaseJobConfiguration):
        working_dir: str = "a temporary one"
        stream_output: bool = True
        job_manifest: dict[str, Any] = Field(default_factory=dict)

    template, flow = serve.template(where), {"name": "retrain"}
    with get_client(sync_client=True) as client:
        pool = WorkPoolCreate(name=f"pool-{where}", type=serve.KIND[where], base_job_template=template)
        client.create_work_pool(pool, overwrite=True)
        wanted = {"name": "any", "flow_id": client.request("POST", "/flows/", json=flow).json()["id"]}
        wanted |= {"work_pool_name": pool.name, "entrypoint": "flows.retrain.retrain"}
        assert "not allowed" in refused(client, "/deployments/", wanted | {"job_variables": {name: value}})
        run = f"/deployments/{client.request('POST', '/deployments/', json=wanted).json()['id']}/create_flow_run"
        assert "not allowed" in refused(client, run, {"job_variables": {name: value}})
        assert client.request("POST", run, json={}).status_code == 201
    plain, asked = (asyncio.run(Configuration.from_template_and_values(template, one)) for one in ({}, {name: value}))
    assert asked == plain
    assert (asked.command, asked.env, asked.labels, asked.name) == (None, {}, {}, None)


def refused(client: Any, path: str, content: dict[str, Any]) -> str:
    """The server's words."""
    from prefect.exceptions import PrefectHTTPStatusError

    with pytest.raises(PrefectHTTPStatusError) as error:
        client.request("POST", path, json=content)
    return str(error.value)
