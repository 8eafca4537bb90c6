"""Every object that is rendered is one that clusters of the supported versions take."""

import json
from dataclasses import replace

import kubernetes_validate
import pytest

from flows.graph.graph import Artifact, LockEntry
from flows.graph.placement import Placement
from flows.kubernetes import job_spec
from flows.kubernetes.job_spec import JobRequest

VERSIONS = ("1.31.0", "1.37.0")  # the oldest and the newest that are supported
PLACEMENT = Placement(
    image="videopoet:cpu",
    cpu=2,
    memory="4Gi",
    disk="20Gi",
    gpus=0,
    nodes=1,
    parts=1,
    parallelism=100,
    node_selector={},
    priority_class="",
    queue="",
    deadline_s=3600,
    grace_s=60,
    scratch_claim="",
    media={},
    secret="",
    service_account="videopoet-stage",
    tracking_uri="",
    metrics_port=0,
)
RICH = replace(
    PLACEMENT,
    gpus=8,
    nodes=4,
    node_selector={"gpu": "h100"},
    priority_class="training",
    queue="videopoet",
    scratch_claim="scratch",
    media={"holidays": "media-holidays"},
    secret="remote",
)
ASKED = LockEntry(
    "python -m components adapt --params adapt.t2v --output out",
    {"adapt.t2v": {"steps": 3}},
    {"data/clips": Artifact("ab12.dir", 7, 2)},
    {},
)
ETCD_BYTES = 1 << 20  # that an object may have
REQUEST = JobRequest("adapt@t2v", ASKED, "c0ffee" * 10, {"params.yaml": "adapt: {}\n"}, {"OMP_NUM_THREADS": "2"})


def pod(placement: Placement, request: JobRequest = REQUEST) -> dict:
    return job_spec.job(request, placement, "videopoet")["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("placement", [PLACEMENT, RICH], ids=["one node", "four nodes"])
def test_all_objects_are_valid(placement, version):
    owner = job_spec.owner("0-0-0", REQUEST.name)
    for found in (
        job_spec.job(REQUEST, placement, "videopoet"),
        job_spec.config_map(REQUEST, "videopoet", owner),
        job_spec.service(REQUEST, "videopoet", owner),
    ):
        assert kubernetes_validate.validate(found, version, strict=True) == version.rpartition(".")[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_ten_thousand_parts_are_one_small_job(version):
    found = job_spec.job(replace(REQUEST, parts=10_000), replace(PLACEMENT, parts=10_000), "videopoet")
    kubernetes_validate.validate(found, version, strict=True)
    assert found["metadata"]["name"] == f"{REQUEST.name}-parts"
    assert (found["spec"]["completions"], found["spec"]["parallelism"]) == (10_000, 100)
    # At worst, when every other part is done, the Job's status names each of them.
    status = {"completedIndexes": ",".join(map(str, range(0, 10_000, 2))), "succeeded": 5_000}
    assert len(json.dumps(found | {"status": status})) < ETCD_BYTES


def test_a_part_does_its_share_and_leaves_no_output():
    (container,) = pod(PLACEMENT, replace(REQUEST, parts=3))["containers"]
    assert container["command"][-4:] == ["--part", "$(JOB_COMPLETION_INDEX)", "--parts", "3"]


def test_a_job_waits_for_its_queue_to_let_it_in():
    found = job_spec.job(REQUEST, RICH, "videopoet")
    assert found["spec"]["suspend"]
    labels = {key: value for key, value in found["metadata"]["labels"].items() if key.startswith("kueue")}
    assert labels == {"kueue.x-k8s.io/queue-name": "videopoet", "kueue.x-k8s.io/priority-class": "training"}
    free = job_spec.job(REQUEST, PLACEMENT, "videopoet")
    assert not free["spec"]["suspend"]
    assert not any(key.startswith("kueue") for key in free["metadata"]["labels"])


def test_several_gpus_of_one_pod_are_a_process_each():
    (container,) = pod(replace(PLACEMENT, gpus=8))["containers"]
    environment = {one["name"]: one["value"] for one in container["env"]}
    assert (environment["PET_NNODES"], environment["PET_NPROC_PER_NODE"]) == ("1", "8")
    assert environment["PET_RDZV_ENDPOINT"] == "localhost:29400"
    command = container["command"]
    assert command[command.index("--launcher") + 1].endswith("launch --node-rank 0")
    assert command[command.index("--world-size") + 1] == "8"


def test_folders_of_media_are_mounted_to_be_read_only():
    spec = pod(RICH)
    volume = next(one for one in spec["volumes"] if one["name"] == "media-0")
    assert volume["persistentVolumeClaim"] == {"claimName": "media-holidays", "readOnly": True}
    (mount,) = [one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "media-0"]
    assert mount == {"name": "media-0", "mountPath": job_spec.media_paths(RICH)["holidays"], "readOnly": True}


def test_a_pod_may_as_little_as_can_be_and_gets_what_it_asks_for():
    spec = pod(RICH)
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["automountServiceAccountToken"] is False
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "8"


def test_an_evicted_pod_is_replaced_and_a_wrong_configuration_is_not_tried_again():
    spec = job_spec.job(REQUEST, PLACEMENT, "videopoet")["spec"]
    assert spec["backoffLimit"] == 0
    disrupted, stopped, wrong = spec["podFailurePolicy"]["rules"]
    assert [rule["action"] for rule in (disrupted, stopped, wrong)] == ["Ignore", "Ignore", "FailJob"]
    assert [rule["onExitCodes"]["values"] for rule in (stopped, wrong)] == [[143], [64]]


def test_several_nodes_meet_at_the_first():
    spec = pod(RICH)
    environment = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
    assert environment["PET_NNODES"] == "4"
    assert environment["PET_NPROC_PER_NODE"] == "8"
    assert environment["PET_RDZV_BACKEND"] == "static"
    command = spec["containers"][0]["command"]
    assert command[command.index("--launcher") + 1].endswith("launch --node-rank $(JOB_COMPLETION_INDEX)")
    assert command[command.index("--world-size") + 1] == "32"
    service = job_spec.service(REQUEST, "videopoet", job_spec.owner("0", REQUEST.name))
    assert spec["subdomain"] == service["metadata"]["name"]
    assert environment["PET_RDZV_ENDPOINT"] == f"{REQUEST.name}-0.{spec['subdomain']}:29400"
    labels = job_spec.job(REQUEST, RICH, "videopoet")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert "PET_NNODES" not in json.dumps(pod(PLACEMENT))


def test_who_trains_with_whom_is_told_to_the_pod_for_its_class_of_machine():
    arguments = pod(RICH)["containers"][0]["command"]
    assert arguments[arguments.index("--world-size") + 1] == "32"


def test_metrics_are_served_only_where_that_was_asked_for():
    template = job_spec.job(REQUEST, replace(PLACEMENT, metrics_port=9400), "videopoet")["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["ports"] == [{"name": "metrics", "containerPort": 9400}]
    assert container["command"][-2:] == ["--metrics-port", "9400"]
    assert template["metadata"]["annotations"]["prometheus.io/port"] == "9400"
    plain = json.dumps(job_spec.job(REQUEST, PLACEMENT, "videopoet"))
    assert "prometheus" not in plain
    assert "metrics" not in plain


def test_the_name_follows_from_what_is_asked_for_and_from_nothing_else():
    other_run = replace(REQUEST, recipe="dead" * 16, files={}, environment={})
    assert other_run.name == REQUEST.name
    changed = replace(REQUEST, requested=replace(ASKED, params={"adapt.t2v": {"steps": 4}}))
    assert changed.name != REQUEST.name
    assert replace(REQUEST, stage="adapt@i2v").key != REQUEST.key


def test_a_long_name_is_still_a_name():
    request = replace(REQUEST, stage="Super_resolution@" + "x" * 200)
    assert len(f"{request.name}-99") <= 63
    assert request.name[:17] == "super-resolution-"
