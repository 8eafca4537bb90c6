"""A run, or a pod's part of one, as metrics for Prometheus; read when it asks, so nothing is kept for it.

Counted over all runs of a checkout is only how they ended. What a cluster's pods take is theirs to tell
(`metrics_port` in k8s/placement.yaml); the coordinator tells how fast each of them goes and which of them lag.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from flows.machine.monitor import StageMonitor

PREFIX = "videopoet_"
EVERYWHERE, THIS_MACHINE = "0.0.0.0", "127.0.0.1"
TOOK = {
    "seconds": "Seconds at work.",
    "cpu_s": "Core-seconds.",
    "read_bytes": "Bytes through read calls.",
    "written_bytes": "Bytes through write calls.",
    "gpu_s": "GPUs held times seconds.",
    "gpu_used_s": "Of these, by the share of time that the GPUs were at work.",
}
NAMES = {"cpu_s": "cpu_seconds", "gpu_s": "gpu_seconds", "gpu_used_s": "gpu_used_seconds"}


@dataclass(frozen=True)
class View:
    """What there is to see."""

    doing: Callable[[], Mapping[str, str]]  # stage -> what it does
    pulses: Mapping[str, StageMonitor]  # of the stages that run
    took: Callable[[], Mapping[str, Mapping[str, Any]]] = dict  # stage that ran -> what that took
    outcomes: Callable[[], Mapping[str, int]] = dict  # how runs ended -> how many


@contextmanager
def served(port: int | None, view: View, host: str = "") -> Iterator[None]:
    """Let Prometheus look on at http://HOST:`port`/metrics within the block; nothing if there is no port.

    The address `host` listens; if none, this machine's own alone or, in a pod, where policies decide who gets
    through, every one. Raises ValueError if it cannot.
    """
    if not port:
        yield
        return
    host = host or (EVERYWHERE if os.environ.get("KUBERNETES_SERVICE_HOST") else THIS_MACHINE)
    registry = CollectorRegistry()
    registry.register(Metrics(view))
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise ValueError(f"{host}:{port} cannot be used for metrics ({error.strerror}): choose another") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Metrics(Collector):
    """Makes the metrics of a view."""

    def __init__(self, view: View):
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is now."""
        pulses = dict(self._view.pulses)
        yield from self._stages()
        yield from _took({**self._view.took(), **{name: _so_far(pulse) for name, pulse in pulses.items()}})
        yield from _progress(pulses)
        yield from _life(pulses)
        runs = CounterMetricFamily(f"{PREFIX}runs", "Runs of this checkout that ended so.", labels=["outcome"])
        for outcome, count in self._view.outcomes().items():
            runs.add_metric([outcome], count)
        yield runs

    def _stages(self) -> Iterator[Metric]:
        stages = GaugeMetricFamily(f"{PREFIX}stage", "1 for what a stage does now.", labels=["stage", "doing"])
        for name, doing in self._view.doing().items():
            stages.add_metric([name, doing], 1)
        yield stages


def _so_far(pulse: StageMonitor) -> dict[str, float]:
    return {
        "seconds": time.monotonic() - pulse.started_s,
        "cpu_s": pulse.cpu_s,
        "read_bytes": pulse.moved.read_bytes,
        "written_bytes": pulse.moved.written_bytes,
        "gpu_s": pulse.gpu_s,
        "gpu_used_s": pulse.gpu_used_s,
    }


def _took(notes: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    for key, words in TOOK.items():
        gauge = GaugeMetricFamily(f"{PREFIX}stage_{NAMES.get(key, key)}", words, labels=["stage"])
        for name, note in notes.items():
            if key in note:
                gauge.add_metric([name], note[key])
        yield gauge


def _progress(pulses: Mapping[str, StageMonitor]) -> Iterator[Metric]:
    labels = ["stage", "rank"]
    rate = GaugeMetricFamily(f"{PREFIX}stage_rate", "Units a second, by the stage's word.", labels=[*labels, "unit"])
    done = GaugeMetricFamily(f"{PREFIX}stage_done_ratio", "Share of the present loop that is done.", labels=labels)
    lagging = GaugeMetricFamily(f"{PREFIX}stage_straggler", "1 for a rank far below the median rate.", labels=labels)
    for name, pulse in pulses.items():
        stragglers = pulse.stragglers()
        for rank, progress in dict(pulse.progress).items():
            rate.add_metric([name, rank, progress.unit], progress.rate)
            lagging.add_metric([name, rank], rank in stragglers)
            if progress.total:
                done.add_metric([name, rank], progress.done / progress.total)
    yield from (rate, done, lagging)


def _life(pulses: Mapping[str, StageMonitor]) -> Iterator[Metric]:
    cores = GaugeMetricFamily(f"{PREFIX}stage_cores", "Cores at work, on this machine.", labels=["stage"])
    share = GaugeMetricFamily(f"{PREFIX}stage_gpu_share", "Share of its GPUs at work, here.", labels=["stage"])
    quiet = GaugeMetricFamily(f"{PREFIX}stage_quiet_seconds", "Since it was last heard of.", labels=["stage"])
    for name, pulse in pulses.items():
        cores.add_metric([name], pulse.cores)
        share.add_metric([name], pulse.gpu_share)
        quiet.add_metric([name], time.monotonic() - pulse.heard_s)
    yield from (cores, share, quiet)
