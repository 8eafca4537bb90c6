"""What k8s/ says, rendered: valid, and no container that may more than it must."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[1]
VERSIONS = ("1.31.0", "1.37.0")
OVERLAYS = ("local", "gpu", "kueue")
NOT_OBJECTS = ("kustomization.yaml", "placement.yaml")
QUEUE = ROOT / "k8s/overlays/kueue/queue.yaml"  # of kinds that Kueue adds, whose schemas are not with the others
FILES = sorted(path for path in ROOT.glob("k8s/**/*.yaml") if path.name not in NOT_OBJECTS and path != QUEUE)


def objects(text: str) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(text) if found]


def pods(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one["spec"]["template"]["spec"] for one in found if "template" in one.get("spec", {})]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_object_is_valid(path: Path, version: str) -> None:
    for found in objects(path.read_text()):
        assert kubernetes_validate.validate(found, version, strict=True) == version.rpartition(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_container_runs_as_root_or_without_limits(path: Path) -> None:
    for pod in pods(objects(path.read_text())):
        assert pod["securityContext"]["runAsNonRoot"]
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert container["resources"]["requests"] == container["resources"]["limits"]
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert not container["securityContext"]["allowPrivilegeEscalation"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_job_of_a_flow_run_is_valid_and_may_no_more_than_it_must(version: str) -> None:
    configuration = json.loads((ROOT / "k8s/flow-run.json").read_text())["job_configuration"]
    job = configuration["job_manifest"]
    job["metadata"] |= {
        "labels": {"prefect.io/flow-run-name": "quick-fox"},
        "generateName": "quick-fox-",
    }  # as the worker does
    pod = job["spec"]["template"]["spec"]
    pod["containers"][0]["args"] = ["prefect", "flow-run", "execute"]
    for name in ("completions", "parallelism"):  # the worker asks for them here; the cluster passes over them
        del pod[name]
    kubernetes_validate.validate(job, version, strict=True)
    assert pod["serviceAccountName"] == "videopoet-coordinator"
    assert pod["securityContext"]["runAsNonRoot"]
    (container,) = pod["containers"]
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    policies = objects((ROOT / "k8s/base/network.yaml").read_text())
    selected = [one["spec"]["podSelector"].get("matchLabels") for one in policies]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert {"app.kubernetes.io/name": labels["app.kubernetes.io/name"]} in selected


def test_nothing_in_the_job_of_a_flow_run_is_for_others_to_choose() -> None:
    template = json.loads((ROOT / "k8s/flow-run.json").read_text())
    assert template["variables"] == {"type": "object", "properties": {}, "additionalProperties": False}
    assert "{{" not in json.dumps(template)
    assert set(template["job_configuration"]) == {"namespace", "stream_output", "job_manifest"}


def test_what_opens_prefect_comes_from_a_secret_and_jobs_name_it_too() -> None:
    containers = {
        one["metadata"]["name"]: {item["name"]: item for item in container["env"]}
        for one in objects((ROOT / "k8s/base/prefect.yaml").read_text())
        if one["kind"] == "Deployment"
        for container in one["spec"]["template"]["spec"]["containers"]
    }
    opens = {"secretKeyRef": {"name": "videopoet-prefect", "key": "auth"}}
    server, worker = containers["prefect"], containers["prefect-worker"]
    assert server["PREFECT_SERVER_API_AUTH_STRING"]["valueFrom"] == opens
    assert server["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"]["value"] == "true"
    assert server["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"]["value"] == server["PREFECT_UI_URL"]["value"]
    assert server["PREFECT_UI_API_URL"]["value"] == f"{server['PREFECT_UI_URL']['value']}/api"
    assert worker["PREFECT_API_AUTH_STRING"]["valueFrom"] == opens
    named = "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET"  # or else Jobs hold it in the clear
    assert (worker[f"{named}_NAME"]["value"], worker[f"{named}_KEY"]["value"]) == ("videopoet-prefect", "auth")


WORKER, FLOW_RUN = {"app.kubernetes.io/name": "prefect-worker"}, {"app.kubernetes.io/name": "flow-run"}
STAGE = {"app.kubernetes.io/component": "stage"}


@pytest.mark.parametrize(
    ("server", "port", "pod", "reaches"),
    [
        ("prefect", 4200, WORKER, True),
        ("prefect", 4200, FLOW_RUN, True),
        ("prefect", 4200, STAGE, False),
        ("prefect", 4200, {}, False),
        ("prefect", 4200, {"app.kubernetes.io/name": "mlflow"}, False),
        ("prefect", 4200, {"app.kubernetes.io/name": "postgres"}, False),
        ("prefect", 4200, {"app.kubernetes.io/name": "prefect"}, False),
        ("prefect", 4200, {"app.kubernetes.io/component": "coordinator"}, False),
        ("mlflow", 5000, STAGE, True),
        ("mlflow", 5000, FLOW_RUN, True),
        ("mlflow", 5000, WORKER, False),
        ("mlflow", 5000, {}, False),
        ("mlflow", 4200, STAGE, False),
        ("prefect", 5000, FLOW_RUN, False),
    ],
)
def test_who_reaches_a_server(server: str, port: int, pod: dict[str, str], *, reaches: bool) -> None:
    policies = [one["spec"] for one in objects((ROOT / "k8s/base/network.yaml").read_text())]
    let_in = [
        rule
        for spec in policies
        if "Ingress" in spec["policyTypes"] and selects(spec["podSelector"], {"app.kubernetes.io/name": server})
        for rule in spec.get("ingress", [])
        if {"port": port} in rule["ports"]
    ]
    assert any(selects(one.get("podSelector"), pod) for rule in let_in for one in rule["from"]) == reaches


def selects(selector: dict[str, Any] | None, labels: dict[str, str]) -> bool:
    """Whether a pod of these labels is meant; by `In` alone, which is all that is used here."""
    if selector is None:  # of namespaces
        return False
    exact = selector.get("matchLabels", {}).items()
    one_of = [(one["key"], one["values"]) for one in selector.get("matchExpressions", [])]
    return exact <= labels.items() and all(labels.get(key) in values for key, values in one_of)


def test_no_secret_is_in_these_files() -> None:
    for path in FILES:
        assert all(found["kind"] != "Secret" for found in objects(path.read_text())), path


def test_every_file_is_listed_where_it_belongs() -> None:
    for file in ROOT.glob("k8s/**/kustomization.yaml"):
        listed = set(yaml.safe_load(file.read_text())["resources"])
        beside = {path.name for path in file.parent.glob("*.yaml")} - {"kustomization.yaml"}
        assert beside == {name for name in listed if name.endswith(".yaml")}


def test_the_coordinators_rights_are_those_that_it_uses() -> None:
    roles = {
        one["metadata"]["name"]: one for one in objects((ROOT / "k8s/base/rbac.yaml").read_text()) if "rules" in one
    }
    rights = {
        (resource, verb)
        for rule in roles["videopoet-coordinator"]["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert rights == {
        *(("jobs", verb) for verb in ("create", "get", "list", "watch", "delete")),
        *(("pods", verb) for verb in ("get", "list", "watch")),
        ("jobs/finalizers", "update"),
        ("pods/log", "get"),
        ("configmaps", "create"),
        ("services", "create"),
    }


def test_the_queue_covers_all_that_a_stage_asks_for_and_all_names_fit() -> None:
    found = {one["kind"]: one for one in objects(QUEUE.read_text())}
    names = {kind: one["metadata"]["name"] for kind, one in found.items()}
    (group,) = found["ClusterQueue"]["spec"]["resourceGroups"]
    (flavor,) = group["flavors"]
    assert flavor["name"] == names["ResourceFlavor"]
    assert [one["name"] for one in flavor["resources"]] == group["coveredResources"]
    assert {"cpu", "memory", "ephemeral-storage", "nvidia.com/gpu"} == set(group["coveredResources"])
    assert found["LocalQueue"]["spec"]["clusterQueue"] == names["ClusterQueue"]
    gpu = objects((ROOT / "k8s/overlays/gpu/priority.yaml").read_text())
    assert names["WorkloadPriorityClass"] in {one["metadata"]["name"] for one in gpu}


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not here: the overlays are not rendered")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_renders_to_valid_objects(overlay: str) -> None:
    command = ["kubectl", "kustomize", str(ROOT / "k8s/overlays" / overlay)]
    rendered = objects(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    kinds = {one["kind"] for one in rendered}
    assert {"Namespace", "Role", "Deployment", "StatefulSet", "NetworkPolicy", "ResourceQuota"} <= kinds
    for one in rendered:
        if not one["apiVersion"].startswith("kueue"):
            kubernetes_validate.validate(one, VERSIONS[-1], strict=True)
            assert one["kind"] in ("Namespace", "PriorityClass") or one["metadata"]["namespace"] == "videopoet"
