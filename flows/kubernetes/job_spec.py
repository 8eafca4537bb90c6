"""Job request + placement -> Kubernetes objects: a Job, the ConfigMap that it mounts, a Service for several nodes.

Pure: names and labels are derived from the request, so that two coordinators with equal requests create one Job.
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
from flows.graph.graph import LockEntry
from flows.graph.placement import Placement

PART_OF = {"app.kubernetes.io/part-of": "videopoet", "app.kubernetes.io/component": "stage"}
JOB, STAGE_KEY, RECIPE, STAGE = "videopoet/job", "videopoet/stage-key", "videopoet/recipe", "videopoet/stage"
PARTS = "videopoet/parts"
CONTAINER, INIT_CONTAINER = "stage", "fetch"
CODE, WORK, REQUEST, SCRATCH, TEMPORARY, SHARED = "/app", "/work", "/request", "/scratch", "/tmp", "/dev/shm"
MEDIA, ROOTS = "/media", "roots.json"
MESSAGE = "/dev/termination-log"
KEPT_S = 24 * 3600  # of a finished Job, for inspection
RENDEZVOUS_PORT = 29400
LAST_S = 5  # of a pod's grace period, reserved for its termination message
RETRIES_OF_A_PART = 2
INDEX = "$(JOB_COMPLETION_INDEX)"  # expanded by the cluster
LAUNCHER = "python -m components.common.launch"
USER = 10001

NONE: Mapping[str, str] = MappingProxyType({})

Manifest = dict[str, Any]


@dataclass(frozen=True)
class JobRequest:
    """Request for a pod: a stage with the hashes of its inputs, files and environment."""

    stage: str
    requested: LockEntry  # without outputs
    recipe: str  # hash of the requesting run's inputs
    files: Mapping[str, str]
    environment: Mapping[str, str]
    parts: int = 0  # pods that share the items and only fill the cache; 0 to run the stage

    @property
    def key(self) -> str:
        """Hash of the requested work."""
        text = json.dumps([self.stage, lockfile.lines_of(self.requested)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def name(self) -> str:
        """Name of all its objects."""
        whole = f"{re.sub('[^a-z0-9]+', '-', self.stage.lower()).strip('-')[:40]}-{self.key[:10]}"
        return f"{whole}-parts" if self.parts else whole


def job(request: JobRequest, placement: Placement, namespace: str) -> Manifest:
    """Return the Job."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(request, namespace, _of_queue(placement)),
        "spec": {
            "suspend": bool(placement.queue),  # until the queue admits it
            **_completion(request, placement),
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    # if one of several nodes is preempted, all stop and restart
                    {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [errors.STOPPED]}},
                    {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [errors.CONFIGURATION]}},
                ]
            },
            "activeDeadlineSeconds": placement.deadline_s,
            "ttlSecondsAfterFinished": KEPT_S,
            "template": {
                "metadata": {"labels": _labels(request), "annotations": {STAGE: request.stage, **_scraped(placement)}},
                "spec": _pod(request, placement),
            },
        },
    }


def _completion(request: JobRequest, placement: Placement) -> Manifest:
    """Return the number of pods and the failure policy: a training restarts as a whole, parts one by one."""
    if request.parts:
        at_once = min(request.parts, placement.parallelism)
        several = {"completionMode": "Indexed", "completions": request.parts, "parallelism": at_once}
        return {**several, "backoffLimitPerIndex": RETRIES_OF_A_PART, "maxFailedIndexes": 0}
    several = {"completionMode": "Indexed", "completions": placement.nodes, "parallelism": placement.nodes}
    return {**(several if placement.nodes > 1 else {}), "backoffLimit": 0}


def config_map(request: JobRequest, namespace: str, owner: Manifest) -> Manifest:
    """Return the ConfigMap with the request's files, owned by the Job."""
    metadata = _metadata(request, namespace) | {"ownerReferences": [owner]}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "immutable": True,
        "data": dict(request.files),
    }


def service(request: JobRequest, namespace: str, owner: Manifest) -> Manifest:
    """Return the headless Service by which the pods of one training find each other."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(request, namespace) | {"ownerReferences": [owner]},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {JOB: request.name},
            "ports": [{"name": "rendezvous", "port": RENDEZVOUS_PORT}],
        },
    }


def owner(uid: str, name: str) -> Manifest:
    """Return the owner reference that deletes an object with its Job."""
    return {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "blockOwnerDeletion": True}


def _labels(request: JobRequest) -> dict[str, str]:
    parts = {PARTS: str(request.parts)} if request.parts else {}
    return {**PART_OF, JOB: request.name, STAGE_KEY: request.key, RECIPE: request.recipe[:32], **parts}


def _of_queue(placement: Placement) -> dict[str, str]:
    """Return the labels that Kueue reads."""
    if not placement.queue:
        return {}
    priority = {"kueue.x-k8s.io/priority-class": placement.priority_class} if placement.priority_class else {}
    return {"kueue.x-k8s.io/queue-name": placement.queue, **priority}


def _metadata(request: JobRequest, namespace: str, labels: Mapping[str, str] = NONE) -> Manifest:
    labels, annotations = {**_labels(request), **labels}, {STAGE: request.stage}
    return {"name": request.name, "namespace": namespace, "labels": labels, "annotations": annotations}


def _pod(request: JobRequest, placement: Placement) -> Manifest:
    several: Manifest = {"subdomain": request.name} if placement.nodes > 1 else {}
    priority = {"priorityClassName": placement.priority_class} if placement.priority_class else {}
    selector = {"nodeSelector": dict(placement.node_selector)} if placement.node_selector else {}
    fetch = ["fetch", "--stage", request.stage, "--message", MESSAGE, "--request", REQUEST, "--code", CODE]
    rank, size = INDEX if placement.nodes > 1 else "0", str(placement.world_size(request.requested.cmd))
    launcher = ["--rank", rank, "--launcher", f"{LAUNCHER} --node-rank {rank}", "--world-size", size]
    share = ["--part", INDEX, "--parts", str(request.parts)] if request.parts else []
    port = placement.metrics_port
    metrics = ["--metrics-port", str(port)] if port else []
    grace = ["--grace-s", str(max(placement.grace_s - LAST_S, 1))]
    together = launcher if size != "1" else share
    run = ["run", "--stage", request.stage, "--message", MESSAGE, *grace, *together, *metrics]
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
        "initContainers": [_container(INIT_CONTAINER, fetch, request, placement)],
        "containers": [{**_container(CONTAINER, run, request, placement), **ports}],
        "volumes": [
            {"name": "request", "configMap": {"name": request.name}},
            {"name": "work", "emptyDir": {"sizeLimit": placement.disk}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "scratch", **_scratch(placement)},
            {"name": "shared", "emptyDir": {"medium": "Memory"}},  # for data loader processes
            *(
                {"name": f"media-{number}", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
                for number, claim in enumerate(placement.media.values())
            ),
        ],
    }


def _scraped(placement: Placement) -> dict[str, str]:
    """Return the annotations for a Prometheus that discovers pods by them."""
    port = placement.metrics_port
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port)} if port else {}


def _scratch(placement: Placement) -> Manifest:
    if placement.scratch_claim:
        return {"persistentVolumeClaim": {"claimName": placement.scratch_claim}}
    return {"emptyDir": {}}


def _container(name: str, arguments: list[str], request: JobRequest, placement: Placement) -> Manifest:
    gpus = {"nvidia.com/gpu": placement.gpus} if placement.gpus else {}
    resources = {"cpu": placement.cpu, "memory": placement.memory, "ephemeral-storage": placement.disk, **gpus}
    resources = {key: str(value) for key, value in resources.items()}
    secret = {"envFrom": [{"secretRef": {"name": placement.secret}}]} if placement.secret else {}
    together = _of_training(request, placement) if placement.world_size(request.requested.cmd) > 1 else {}
    environment = {**request.environment, **_of_pod(), **together}
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
            {"name": "request", "mountPath": REQUEST, "readOnly": True},
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
    """Map alias of a media folder -> its mount path in pods."""
    return {alias: f"{MEDIA}/{number}" for number, alias in enumerate(placement.media)}


def _of_pod() -> dict[str, str]:
    return {
        "HOME": TEMPORARY,
        "DVC_SITE_CACHE_DIR": f"{TEMPORARY}/dvc",
        "VIDEOPOET_SCRATCH": f"{SCRATCH}/checkpoints",
        "VIDEOPOET_CACHE": f"{SCRATCH}/cache",
        "VIDEOPOET_ROOTS": f"{REQUEST}/{ROOTS}",
    }


def _of_training(request: JobRequest, placement: Placement) -> dict[str, str]:
    """Return torchrun's variables: the nodes meet at the first pod, and a pod's rank is its index."""
    first = f"{request.name}-0.{request.name}" if placement.nodes > 1 else "localhost"
    return {
        "PET_NNODES": str(placement.nodes),
        "PET_NPROC_PER_NODE": str(placement.world_size(request.requested.cmd) // placement.nodes),
        "PET_RDZV_BACKEND": "static",
        "PET_RDZV_ENDPOINT": f"{first}:{RENDEZVOUS_PORT}",
        "PET_RDZV_ID": request.key,
        "PET_SHUTDOWN_TIMEOUT": str(placement.grace_s),
    }
