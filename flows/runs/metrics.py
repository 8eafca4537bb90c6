"""Prometheus metrics of a run, or of a pod's part of it, collected on request.

Only the outcomes of runs are counted over all runs of a checkout. Pods export their own usage (`metrics_port` in
k8s/placement.yaml); the coordinator exports the rates of their ranks, and stragglers.
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
    "seconds": "Wall time in seconds.",
    "cpu_s": "Core-seconds.",
    "read_bytes": "Bytes through read calls.",
    "written_bytes": "Bytes through write calls.",
    "gpu_s": "GPUs held times seconds.",
    "gpu_used_s": "GPU-seconds weighted by utilization.",
}
NAMES = {"cpu_s": "cpu_seconds", "gpu_s": "gpu_seconds", "gpu_used_s": "gpu_used_seconds"}


@dataclass(frozen=True)
class MetricsView:
    """Data behind the metrics."""

    doing: Callable[[], Mapping[str, str]]  # stage -> state
    monitors: Mapping[str, StageMonitor]  # of the running stages
    took: Callable[[], Mapping[str, Mapping[str, Any]]] = dict  # finished stage -> usage
    outcomes: Callable[[], Mapping[str, int]] = dict  # outcome of a run -> count


@contextmanager
def served(port: int | None, view: MetricsView, host: str = "") -> Iterator[None]:
    """Serve the metrics at http://HOST:`port`/metrics within the block; do nothing without a port.

    An empty `host` means localhost or, in a pod, where network policies decide about access, all addresses. Raises
    ValueError if the address cannot be used.
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
    """Collector of a view."""

    def __init__(self, view: MetricsView):
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics with their present values."""
        monitors = dict(self._view.monitors)
        yield from self._stages()
        yield from _took({**self._view.took(), **{name: _so_far(monitor) for name, monitor in monitors.items()}})
        yield from _progress(monitors)
        yield from _life(monitors)
        runs = CounterMetricFamily(f"{PREFIX}runs", "Runs of this checkout by outcome.", labels=["outcome"])
        for outcome, count in self._view.outcomes().items():
            runs.add_metric([outcome], count)
        yield runs

    def _stages(self) -> Iterator[Metric]:
        stages = GaugeMetricFamily(f"{PREFIX}stage", "1 for the present state of a stage.", labels=["stage", "doing"])
        for name, doing in self._view.doing().items():
            stages.add_metric([name, doing], 1)
        yield stages


def _so_far(monitor: StageMonitor) -> dict[str, float]:
    return {
        "seconds": time.monotonic() - monitor.started_s,
        "cpu_s": monitor.cpu_s,
        "read_bytes": monitor.moved.read_bytes,
        "written_bytes": monitor.moved.written_bytes,
        "gpu_s": monitor.gpu_s,
        "gpu_used_s": monitor.gpu_used_s,
    }


def _took(notes: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    for key, words in TOOK.items():
        gauge = GaugeMetricFamily(f"{PREFIX}stage_{NAMES.get(key, key)}", words, labels=["stage"])
        for name, note in notes.items():
            if key in note:
                gauge.add_metric([name], note[key])
        yield gauge


def _progress(monitors: Mapping[str, StageMonitor]) -> Iterator[Metric]:
    labels = ["stage", "rank"]
    rate = GaugeMetricFamily(
        f"{PREFIX}stage_rate", "Units per second, as printed by the stage.", labels=[*labels, "unit"]
    )
    done = GaugeMetricFamily(f"{PREFIX}stage_done_ratio", "Share of the present loop that is done.", labels=labels)
    lagging = GaugeMetricFamily(f"{PREFIX}stage_straggler", "1 for a rank far below the median rate.", labels=labels)
    for name, monitor in monitors.items():
        stragglers = monitor.stragglers()
        for rank, progress in dict(monitor.progress).items():
            rate.add_metric([name, rank, progress.unit], progress.rate)
            lagging.add_metric([name, rank], rank in stragglers)
            if progress.total:
                done.add_metric([name, rank], progress.done / progress.total)
    yield from (rate, done, lagging)


def _life(monitors: Mapping[str, StageMonitor]) -> Iterator[Metric]:
    cores = GaugeMetricFamily(f"{PREFIX}stage_cores", "CPU cores in use on this machine.", labels=["stage"])
    share = GaugeMetricFamily(f"{PREFIX}stage_gpu_share", "GPU utilization on this machine.", labels=["stage"])
    quiet = GaugeMetricFamily(f"{PREFIX}stage_quiet_seconds", "Seconds since the last heartbeat.", labels=["stage"])
    for name, monitor in monitors.items():
        cores.add_metric([name], monitor.cores)
        share.add_metric([name], monitor.gpu_share)
        quiet.add_metric([name], time.monotonic() - monitor.heartbeat_s)
    yield from (cores, share, quiet)
