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
        kubernetes_validate.validate(found, version, strict=True)


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
    job["metadata"]["labels"] = {"prefect.io/flow-run-name": "quick-fox"}  # as the worker fills the template in
    pod = job["spec"]["template"]["spec"]
    pod["containers"][0] |= {"image": "videopoet:cpu", "args": ["prefect", "flow-run", "execute"]}
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
