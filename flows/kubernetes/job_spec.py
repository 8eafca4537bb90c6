"""An order + a placement -> the objects of a cluster: a Job, the ConfigMap that it mounts, a Service for several nodes.

Pure: names and labels follow from what is asked for, so that two coordinators that ask for the same make one Job.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from components.common import errors
from flows.graph import lockfile
from flows.graph.graph import Entry
from flows.graph.placement import Placement

PART_OF = {"app.kubernetes.io/part-of": "videopoet", "app.kubernetes.io/component": "stage"}
JOB, STAGE_KEY, RECIPE, STAGE = "videopoet/job", "videopoet/stage-key", "videopoet/recipe", "videopoet/stage"
PARTS = "videopoet/parts"
CONTAINER, INIT_CONTAINER = "stage", "fetch"
CODE, WORK, ORDER, SCRATCH, TEMPORARY, SHARED = "/app", "/work", "/order", "/scratch", "/tmp", "/dev/shm"
MEDIA, ROOTS = "/media", "roots.json"
MESSAGE = "/dev/termination-log"
KEPT_S = 24 * 3600  # a finished Job, for a person to look at
RENDEZVOUS_PORT = 29400
LAST_S = 5  # of a pod's grace, for its own last words
TRIES_OF_A_PART = 2  # beyond the first
INDEX = "$(JOB_COMPLETION_INDEX)"  # of a pod among several, as the cluster fills it in
LAUNCHER = "python -m components.common.launch"
USER = 10001

NONE: Mapping[str, str] = MappingProxyType({})

Manifest = dict[str, Any]


@dataclass(frozen=True)
class JobRequest:
    """What is asked of a pod: a stage with the hashes of its inputs, and the files and environment that go with it."""

    stage: str
    asked: Entry  # without outputs
    recipe: str  # of the run that asks
    files: Mapping[str, str]
    environment: Mapping[str, str]
    parts: int = 0  # pods that share the items, for the cache alone; 0 where the stage is run

    @property
    def key(self) -> str:
        """Hash of what is asked for."""
        text = json.dumps([self.stage, lockfile.lines_of(self.asked)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def name(self) -> str:
        """Name of all objects that are made for it."""
        whole = f"{re.sub('[^a-z0-9]+', '-', self.stage.lower()).strip('-')[:40]}-{self.key[:10]}"
        return f"{whole}-parts" if self.parts else whole


def job(order: JobRequest, placement: Placement, namespace: str) -> Manifest:
    """The Job."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(order, namespace, _of_queue(placement)),
        "spec": {
            "suspend": bool(placement.queue),  # until the queue lets it in
            **_completion(order, placement),
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    # of several nodes all stop with the one that makes way, and all are started again
                    {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [errors.STOPPED]}},
                    {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [errors.CONFIGURATION]}},
                ]
            },
            "activeDeadlineSeconds": placement.deadline_s,
            "ttlSecondsAfterFinished": KEPT_S,
            "template": {
                "metadata": {"labels": _labels(order), "annotations": {STAGE: order.stage, **_scraped(placement)}},
                "spec": _pod(order, placement),
            },
        },
    }


def _completion(order: JobRequest, placement: Placement) -> Manifest:
    """How many pods, and what becomes of the Job if one fails: a training goes on whole, a part by itself."""
    if order.parts:
        at_once = min(order.parts, placement.parallelism)
        several = {"completionMode": "Indexed", "completions": order.parts, "parallelism": at_once}
        return {**several, "backoffLimitPerIndex": TRIES_OF_A_PART, "maxFailedIndexes": 0}
    several = {"completionMode": "Indexed", "completions": placement.nodes, "parallelism": placement.nodes}
    return {**(several if placement.nodes > 1 else {}), "backoffLimit": 0}


def config_map(order: JobRequest, namespace: str, owner: Manifest) -> Manifest:
    """The files of the order; they go when the Job goes."""
    metadata = _metadata(order, namespace) | {"ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True, "data": dict(order.files)}


def service(order: JobRequest, namespace: str, owner: Manifest) -> Manifest:
    """The headless Service by which the pods of one training find each other."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(order, namespace) | {"ownerReferences": [owner]},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {JOB: order.name},
            "ports": [{"name": "rendezvous", "port": RENDEZVOUS_PORT}],
        },
    }


def owner(uid: str, name: str) -> Manifest:
    """The reference that makes an object go with its Job."""
    return {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "blockOwnerDeletion": True}


def _labels(order: JobRequest) -> dict[str, str]:
    parts = {PARTS: str(order.parts)} if order.parts else {}
    return {**PART_OF, JOB: order.name, STAGE_KEY: order.key, RECIPE: order.recipe[:32], **parts}


def _of_queue(placement: Placement) -> dict[str, str]:
    """What Kueue reads."""
    if not placement.queue:
        return {}
    priority = {"kueue.x-k8s.io/priority-class": placement.priority_class} if placement.priority_class else {}
    return {"kueue.x-k8s.io/queue-name": placement.queue, **priority}


def _metadata(order: JobRequest, namespace: str, labels: Mapping[str, str] = NONE) -> Manifest:
    labels, annotations = {**_labels(order), **labels}, {STAGE: order.stage}
    return {"name": order.name, "namespace": namespace, "labels": labels, "annotations": annotations}


def _pod(order: JobRequest, placement: Placement) -> Manifest:
    several: Manifest = {"subdomain": order.name} if placement.nodes > 1 else {}
    priority = {"priorityClassName": placement.priority_class} if placement.priority_class else {}
    selector = {"nodeSelector": dict(placement.node_selector)} if placement.node_selector else {}
    fetch = ["fetch", "--stage", order.stage, "--message", MESSAGE, "--order", ORDER, "--code", CODE]
    rank, size = INDEX if placement.nodes > 1 else "0", str(placement.world_size(order.asked.cmd))
    launcher = ["--rank", rank, "--launcher", f"{LAUNCHER} --node-rank {rank}", "--world-size", size]
    share = ["--part", INDEX, "--parts", str(order.parts)] if order.parts else []
    port = placement.metrics_port
    metrics = ["--metrics-port", str(port)] if port else []
    grace = ["--grace-s", str(max(placement.grace_s - LAST_S, 1))]
    together = launcher if size != "1" else share
    run = ["run", "--stage", order.stage, "--message", MESSAGE, *grace, *together, *metrics]
    ports = {"ports": [{"name": "metrics", "containerPort": port}]} if port else {}
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": placement.grace_s,
        "serviceAccountName": placement.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **several,
        **priority,
        **selector,
        "initContainers": [_container(INIT_CONTAINER, fetch, order, placement)],
        "containers": [{**_container(CONTAINER, run, order, placement), **ports}],
        "volumes": [
            {"name": "order", "configMap": {"name": order.name}},
            {"name": "work", "emptyDir": {"sizeLimit": placement.disk}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "scratch", **_scratch(placement)},
            {"name": "shared", "emptyDir": {"medium": "Memory"}},  # between the processes that load a training's data
            *(
                {"name": f"media-{number}", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
                for number, claim in enumerate(placement.media.values())
            ),
        ],
    }


def _scraped(placement: Placement) -> dict[str, str]:
    """What tells a Prometheus that goes by annotations where to ask."""
    port = placement.metrics_port
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port)} if port else {}


def _scratch(placement: Placement) -> Manifest:
    if placement.scratch_claim:
        return {"persistentVolumeClaim": {"claimName": placement.scratch_claim}}
    return {"emptyDir": {}}


def _container(name: str, arguments: list[str], order: JobRequest, placement: Placement) -> Manifest:
    gpus = {"nvidia.com/gpu": placement.gpus} if placement.gpus else {}
    resources = {"cpu": placement.cpu, "memory": placement.memory, "ephemeral-storage": placement.disk, **gpus}
    resources = {key: str(value) for key, value in resources.items()}
    secret = {"envFrom": [{"secretRef": {"name": placement.secret}}]} if placement.secret else {}
    together = _of_training(order, placement) if placement.world_size(order.asked.cmd) > 1 else {}
    environment = {**order.environment, **_of_pod(), **together}
    return {
        "name": name,
        "image": placement.image,
        "command": ["python", "-m", "flows.kubernetes.pod", *arguments],
        "workingDir": WORK,
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        **secret,
        "resources": {"requests": resources, "limits": resources},
        "terminationMessagePath": MESSAGE,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "order", "mountPath": ORDER, "readOnly": True},
            {"name": "work", "mountPath": WORK},
            {"name": "tmp", "mountPath": TEMPORARY},
            {"name": "scratch", "mountPath": SCRATCH},
            {"name": "shared", "mountPath": SHARED},
            *(
                {"name": f"media-{number}", "mountPath": path, "readOnly": True}
                for number, path in enumerate(media_paths(placement).values())
            ),
        ],
    }


def media_paths(placement: Placement) -> dict[str, str]:
    """Alias of a folder of somebody's media -> where pods see it."""
    return {alias: f"{MEDIA}/{number}" for number, alias in enumerate(placement.media)}


def _of_pod() -> dict[str, str]:
    return {
        "HOME": TEMPORARY,
        "DVC_SITE_CACHE_DIR": f"{TEMPORARY}/dvc",
        "VIDEOPOET_SCRATCH": f"{SCRATCH}/checkpoints",
        "VIDEOPOET_CACHE": f"{SCRATCH}/cache",
        "VIDEOPOET_ROOTS": f"{ORDER}/{ROOTS}",
    }


def _of_training(order: JobRequest, placement: Placement) -> dict[str, str]:
    """What torchrun reads: the nodes meet at the first pod, and a pod's rank is its index, whichever comes first."""
    first = f"{order.name}-0.{order.name}" if placement.nodes > 1 else "localhost"
    return {
        "PET_NNODES": str(placement.nodes),
        "PET_NPROC_PER_NODE": str(placement.world_size(order.asked.cmd) // placement.nodes),
        "PET_RDZV_BACKEND": "static",
        "PET_RDZV_ENDPOINT": f"{first}:{RENDEZVOUS_PORT}",
        "PET_RDZV_ID": order.key,
        "PET_SHUTDOWN_TIMEOUT": str(placement.grace_s),
    }
