"""What a cluster says of a Job and its pods, in the client's own types -> how the stage is doing."""

import json
from typing import Any

import pytest
from kubernetes.client import V1Job, V1Pod

from components.common import errors
from flows.kubernetes.job_spec import PARTS
from flows.kubernetes.job_status import on_node, speaking, state
from flows.machine.processes import ProcessResult


def job(*conditions: tuple[str, str], suspend: bool = False, parts: int = 0, succeeded: int = 0) -> V1Job:
    status = [{"type": kind, "status": "True", "reason": reason, "message": reason} for kind, reason in conditions]
    template = {"spec": {"containers": []}}
    labels = {PARTS: str(parts)} if parts else {}
    return V1Job.from_dict(
        {
            "metadata": {"name": "job", "labels": labels},
            "spec": {"suspend": suspend, "template": template},
            "status": {"conditions": status, "succeeded": succeeded},
        }
    )


def pod(
    phase: str, *, node: str = "node-1", made: str = "2026-01-01T00:00:00Z", rank: str = "", **states: Any
) -> V1Pod:
    known = {"image": "i", "imageID": "", "ready": False, "restartCount": 0}
    statuses = {name: [{**known, "name": name, "state": found}] for name, found in states.items()}
    kinds = {"fetch": "initContainerStatuses", "stage": "containerStatuses"}
    annotations = {"batch.kubernetes.io/job-completion-index": rank} if rank else {}
    return V1Pod.from_dict(
        {
            "metadata": {"name": f"{phase}-{made}", "creationTimestamp": made, "annotations": annotations},
            "spec": {"nodeName": node, "containers": []} if node else {"containers": []},
            "status": {"phase": phase, **{kinds[name]: found for name, found in statuses.items()}},
        }
    )


def ended(code: int, message: str = "", reason: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "message": message, "reason": reason}}


def message(entry: str, **took: float) -> str:
    return json.dumps({"entry": entry, "said": "done", "took": took, "numerics": {}})


WAITS = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}


@pytest.mark.parametrize(
    ("found", "pods", "phase", "words"),
    [
        (job(), [], "queued", "no pod yet"),
        (job(suspend=True), [], "queued", "suspended"),
        (job(("Suspended", "JobSuspended"), suspend=True), [], "queued", "suspended"),
        (job(), [pod("Pending", node="")], "queued", ""),
        (job(), [pod("Pending", fetch=WAITS)], "pulling", "ImagePullBackOff: not found"),
        (job(), [pod("Running", stage={"running": {}})], "running", "on node-1"),
        (job(), [pod("Succeeded", stage=ended(0))], "running", "its pod has ended"),
        (job(parts=8, succeeded=3), [pod("Running")], "running", "37 % of 8 parts done"),
        (job(), [pod("Failed"), pod("Pending", node="")], "queued", ""),  # an evicted pod and the one after it
    ],
)
def test_what_has_not_ended(found, pods, phase, words):
    now = state(found, pods)
    assert (now.phase, now.text, now.over) == (phase, words, False)


def test_success_names_the_entry():
    said = message("ab12", seconds=2.5)
    now = state(
        job(("SuccessCriteriaMet", ""), ("Complete", "")), [pod("Succeeded", fetch=ended(0), stage=ended(0, said))]
    )
    assert (now.phase, now.message.entry, now.message.took.seconds) == ("succeeded", "ab12", 2.5)


def test_what_several_pods_took_is_the_stages():
    said = [
        message("ab12", seconds=9.0, cpu_s=2.0, peak_bytes=7, read_bytes=10, gpu_s=5.0),
        message("", seconds=10.0, cpu_s=3.0, peak_bytes=6, read_bytes=20, gpu_s=6.0),
    ]
    now = state(job(("Complete", "")), [pod("Succeeded", stage=ended(0, text)) for text in said])
    assert now.message.entry == "ab12"
    took = ProcessResult(seconds=10.0, cpu_s=5.0, peak_bytes=7, read_bytes=30, gpu_s=11.0)
    assert now.message.took == took


def test_parts_that_are_done_name_no_entry():
    assert state(job(("Complete", ""), parts=2, succeeded=2), []).phase == "succeeded"


def test_success_without_a_pod_is_found_by_the_next_try():
    assert state(job(("Complete", "")), []).code == errors.RETRY


@pytest.mark.parametrize(
    ("pods", "code", "words"),
    [
        ([pod("Failed", fetch=ended(64, '{"said": "other code"}'))], 64, "other code"),
        ([pod("Failed", fetch=ended(0), stage=ended(65, "last lines of a log"))], 65, "last lines of a log"),
        ([pod("Failed", stage=ended(137, "", "OOMKilled"))], -9, "out of memory"),
        ([pod("Failed", stage=ended(139, "", "Error"))], -11, "Error"),
        ([pod("Failed", stage=ended(143))], errors.STOPPED, ""),
        ([pod("Failed", stage=ended(143)), pod("Failed", stage=ended(65))], 65, ""),  # one of several, and its fellows
        (
            [pod("Failed", stage=ended(75)), pod("Failed", stage=ended(1))],
            1,
            "",
        ),  # the one is gone for the other's fault
        ([pod("Failed", stage=ended(143)), pod("Failed", stage=ended(75))], errors.RETRY, ""),
        ([pod("Failed")], errors.RETRY, "without a termination message"),
        ([], errors.RETRY, "without a termination message"),
    ],
)
def test_failure_has_a_code_and_words(pods, code, words):
    now = state(job(("FailureTarget", ""), ("Failed", "PodFailurePolicy")), pods)
    assert (now.phase, now.code) == ("failed", code)
    assert words in now.text


def test_a_deadline_is_for_a_person_to_raise():
    now = state(job(("Failed", "DeadlineExceeded")), [pod("Failed", stage=ended(143))])
    assert now.code == errors.CONFIGURATION
    assert "deadline_s" in now.text


def test_a_ranks_lines_are_those_of_its_newest_pod_that_has_started():
    running = {"running": {}}
    pods = [
        pod("Failed", made="2026-01-01T00:00:00Z", stage=ended(1)),
        pod("Running", made="2026-01-02T00:00:00Z", rank="0", stage=running),
        pod("Running", made="2026-01-03T00:00:00Z", rank="1", stage=running),
        pod("Pending", made="2026-01-04T00:00:00Z", fetch=running),
    ]
    assert speaking(pods) == {"0": pods[1], "1": pods[2]}
    assert speaking(pods[3:]) == {}


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (pod("Pending", node=""), False),
        (pod("Pending"), True),  # it pulls its image, or its inputs
        (pod("Running"), True),
        (pod("Failed"), False),
    ],
)
def test_a_pod_holds_what_it_was_given_from_its_node_on_until_it_ends(found, holds):
    assert on_node(found) == holds
