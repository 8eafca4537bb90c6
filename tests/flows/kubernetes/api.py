"""A cluster's API to test against: kmock with what the pipeline relies on and kmock lacks.

Labels, uids, resource versions, watches that end, logs, foreground deletion, and faults on order.
"""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp.web
import yaml
from kmock import KubernetesEmulator, Server, action, resource

NAMESPACE = "videopoet"
RESOURCES = {
    "jobs": resource("batch/v1/jobs"),
    "pods": resource("v1/pods"),
    "configmaps": resource("v1/configmaps"),
    "secrets": resource("v1/secrets"),
    "services": resource("v1/services"),
}
STEP_S = 0.05


@dataclass
class Faults:
    """What goes wrong, and for how long."""

    answers: list[int] = field(default_factory=list)  # status codes of the next answers, watches included
    watch_s: float = 60.0  # after which a watch is closed
    gone: bool = False  # whether a watch then says 410
    cut_lines: int = 0  # more lines that each connection to a log gets through than the one before; 0 for all


class Api(KubernetesEmulator):
    """kmock with what the pipeline relies on."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        for known in RESOURCES.values():
            self.resources[known] = {}
        self.faults = Faults()
        self.logs: dict[str, Path] = {}
        self.seen: list[str] = []
        self.listed: dict[str, dict[str, Any]] = {}  # resource version -> what a list of it held
        self.closing = False
        self.log_connections = 0

    async def _handle(self, request: Any) -> aiohttp.web.StreamResponse:
        agent = request.headers.get("User-Agent", "")
        if agent != "kubelet":
            self.seen.append(
                f"{request.action and request.action.value} {request.resource and request.resource.plural}"
            )
            if self.faults.answers:
                status = self.faults.answers.pop(0)
                body = {"kind": "Status", "code": status, "reason": "Fault", "message": "ordered by the test"}
                return aiohttp.web.json_response(body, status=status)
        if request.subresource == "log":
            return await self._serve_log(request)
        if request.action == action.WATCH:
            return await self._serve_events(request)
        if request.action == action.CREATE:
            metadata = request.data["metadata"]
            metadata.setdefault("namespace", request.namespace)
            metadata |= {"uid": str(uuid4()), "creationTimestamp": now(), "resourceVersion": "1"}
        if request.action == action.DELETE and request.params.get("propagationPolicy") == "Foreground":
            key = (request.resource, request.namespace, request.name)
            if key in self.objects and not self.objects[key].deleted:
                self.objects[key].patch({"metadata": {"finalizers": ["foregroundDeletion"]}})
        return await super()._handle(request)

    async def _serve_list(self, request: Any) -> Any:
        version, chosen = str(len(self.listed)), self._chosen(request)
        self.listed[version] = chosen
        return {"metadata": {"resourceVersion": version}, "items": list(chosen.values())}

    async def _serve_events(self, request: Any) -> aiohttp.web.StreamResponse:
        answer = aiohttp.web.StreamResponse()
        await answer.prepare(request._raw_request)
        seen, until_s = self.listed[request.params["resourceVersion"]], time.monotonic() + self.faults.watch_s
        while time.monotonic() < until_s and not self.closing:
            now = self._chosen(request)
            for name in now.keys() | seen.keys():
                if name not in now:
                    await _send(answer, "DELETED", seen[name])
                elif now[name] != seen.get(name):
                    await _send(answer, "MODIFIED" if name in seen else "ADDED", now[name])
            seen = now
            await asyncio.sleep(STEP_S)
        if self.faults.gone:
            await _send(answer, "ERROR", {"kind": "Status", "code": 410, "reason": "Gone", "message": "too old"})
        return answer

    async def _serve_log(self, request: Any) -> aiohttp.web.StreamResponse:
        path = self.logs[f"{request.name}/{request.params['container']}"]
        done = path.with_suffix(".done")
        answer = aiohttp.web.StreamResponse()
        await answer.prepare(request._raw_request)
        self.log_connections += 1
        sent, most = 0, self.faults.cut_lines * self.log_connections
        while True:
            over = done.exists()
            lines = path.read_text().splitlines(keepends=True) if path.exists() else []
            for line in [line for line in lines[sent:] if line.endswith("\n")]:
                await answer.write(line.encode())
                sent += 1
                if sent == most:
                    request._raw_request.transport.close()
                    return answer
            if over or self.closing:
                return answer
            await asyncio.sleep(STEP_S)

    def _chosen(self, request: Any) -> dict[str, Any]:
        labels = dict(pair.split("=") for pair in filter(None, request.params.get("labelSelector", "").split(",")))
        return {
            name: json.loads(json.dumps(found.raw))
            for (kind, _, name), found in self.objects.items()
            if kind == request.resource
            and not found.deleted
            and labels.items() <= found.raw["metadata"].get("labels", {}).items()
        }


async def _send(answer: aiohttp.web.StreamResponse, kind: str, found: Any) -> None:
    await answer.write(json.dumps({"type": kind, "object": found}).encode() + b"\n")


def now(clock_s: int = 0) -> str:
    return (datetime.now(tz=UTC) + timedelta(seconds=clock_s)).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def served(api: Api) -> Iterator[str]:
    """Serve an API from a thread of its own for a block; yields its address."""
    loop, started, urls = asyncio.new_event_loop(), threading.Event(), []
    stopped = asyncio.Event()

    async def serve() -> None:
        async with api, Server(api) as server:
            urls.append(str(server.url).rstrip("/"))
            started.set()
            await stopped.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(20)
    yield urls[0]
    api.closing = True
    loop.call_soon_threadsafe(stopped.set)
    thread.join(10)


def kubeconfig(url: str) -> str:
    """The text of a kubeconfig for a cluster at `url` that asks for no credentials."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    return str(yaml.safe_dump(config))
