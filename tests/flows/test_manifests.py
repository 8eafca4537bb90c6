"""Every object that is rendered is one that clusters of the supported versions take."""

import json
from dataclasses import replace

import kubernetes_validate
import pytest

from flows import manifests
from flows.graph import Entry, Item
from flows.manifests import Order
from flows.placement import Placement

VERSIONS = ("1.31.0", "1.37.0")  # the oldest and the newest that are supported
PLACEMENT = Placement(
    image="videopoet:cpu",
    cpu=2,
    memory="4Gi",
    disk="20Gi",
    gpus=0,
    nodes=1,
    node_selector={},
    priority_class="",
    deadline_s=3600,
    grace_s=60,
    scratch_claim="",
    secret="",
    service_account="videopoet-stage",
    tracking_uri="",
)
RICH = replace(
    PLACEMENT,
    gpus=8,
    nodes=4,
    node_selector={"gpu": "h100"},
    priority_class="training",
    scratch_claim="scratch",
    secret="remote",
)
ASKED = Entry("python -m components adapt", {"adapt.t2v": {"steps": 3}}, {"data/clips": Item("ab12.dir", 7, 2)}, {})
ORDER = Order("adapt@t2v", ASKED, "c0ffee" * 10, {"params.yaml": "adapt: {}\n"}, {"OMP_NUM_THREADS": "2"})


def pod(placement: Placement) -> dict:
    return manifests.job(ORDER, placement, "videopoet")["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("placement", [PLACEMENT, RICH], ids=["one node", "four nodes"])
def test_all_objects_are_valid(placement, version):
    owner = manifests.owner("0-0-0", ORDER.name)
    for found in (
        manifests.job(ORDER, placement, "videopoet"),
        manifests.config_map(ORDER, "videopoet", owner),
        manifests.service(ORDER, "videopoet", owner),
    ):
        kubernetes_validate.validate(found, version, strict=True)


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
    spec = manifests.job(ORDER, PLACEMENT, "videopoet")["spec"]
    assert spec["backoffLimit"] == 0
    assert [rule["action"] for rule in spec["podFailurePolicy"]["rules"]] == ["Ignore", "FailJob"]
    assert spec["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"] == [64]


def test_several_nodes_meet_at_the_first():
    spec = pod(RICH)
    environment = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
    assert environment["PET_NNODES"] == "4"
    assert environment["PET_NPROC_PER_NODE"] == "8"
    service = manifests.service(ORDER, "videopoet", manifests.owner("0", ORDER.name))
    assert spec["subdomain"] == service["metadata"]["name"]
    assert environment["PET_RDZV_ENDPOINT"] == f"{ORDER.name}-0.{spec['subdomain']}:29400"
    labels = manifests.job(ORDER, RICH, "videopoet")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert "PET_NNODES" not in json.dumps(pod(PLACEMENT))


def test_the_name_follows_from_what_is_asked_for_and_from_nothing_else():
    other_run = replace(ORDER, recipe="dead" * 16, files={}, environment={})
    assert other_run.name == ORDER.name
    changed = replace(ORDER, asked=replace(ASKED, params={"adapt.t2v": {"steps": 4}}))
    assert changed.name != ORDER.name
    assert replace(ORDER, stage="adapt@i2v").key != ORDER.key


def test_a_long_name_is_still_a_name():
    order = replace(ORDER, stage="Super_resolution@" + "x" * 200)
    assert len(f"{order.name}-99") <= 63
    assert order.name[:17] == "super-resolution-"
