"""What Prometheus gets when it asks, over HTTP and by its own parser."""

import socket
import subprocess
import sys
import urllib.request

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.machine import monitor
from flows.machine.monitor import StageMonitor
from flows.runs.metrics import MetricsView, served


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def ask(port: int, host: str = "127.0.0.1") -> dict[tuple[str, ...], float]:
    """Name and values of labels, in alphabetical order -> value."""
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {(one.name, *sorted(one.labels.values())): one.value for family in families for one in family.samples}


def test_a_run_shows_its_stages_rates_stragglers_and_outcomes():
    found = StageMonitor(print)
    for rank, rate in {"0": 10.0, "1": 9.0, "2": 2.0}.items():
        found.on_line(f"training: 50/200 clips, {rate} clips/s", rank)
    found.hold(2)
    done = {"seconds": 4.5, "cpu_s": 9.0, "read_bytes": 100, "written_bytes": 200, "gpu_s": 3.0, "gpu_used_s": 1.0}
    view = MetricsView(lambda: {"a": "running", "b": "ran"}, {"a": found}, lambda: {"b": done}, lambda: {"whole": 3})
    port = free_port()
    with served(port, view):
        seen = ask(port)
    assert seen["videopoet_stage", "a", "running"] == 1
    assert seen["videopoet_stage_rate", "0", "a", "clips"] == 10.0
    assert seen["videopoet_stage_done_ratio", "0", "a"] == 0.25
    assert [seen["videopoet_stage_straggler", rank, "a"] for rank in "012"] == [0, 0, 1]
    assert seen["videopoet_stage_gpu_seconds", "a"] > 0
    assert seen["videopoet_stage_cpu_seconds", "b"] == 9.0
    assert seen["videopoet_stage_read_bytes", "b"] == 100
    assert seen["videopoet_runs_total", "whole"] == 3
    with pytest.raises(OSError, match="refused"):
        ask(port)


def test_a_real_run_can_be_asked_while_a_stage_works(checkout, monkeypatch):
    monkeypatch.setattr(monitor, "SAMPLE_S", 0.1)
    monkeypatch.setenv("WORK_SLEEP_S", "2")
    coordinator, port, seen = checkout.coordinator("apart"), free_port(), {}

    def line(text: str) -> None:
        if text == "apart works":
            seen.update(ask(port))

    with served(port, coordinator.view):
        coordinator.ensure_up_to_date(coordinator.graph.by_name["apart"], line)
        after = ask(port)
    assert seen["videopoet_stage", "apart", "running"] == 1
    assert ("videopoet_stage_cores", "apart") in seen
    assert after["videopoet_stage", "apart", "ran"] == 1
    assert after["videopoet_stage_written_bytes", "apart"] > 0
    assert ("videopoet_stage_cores", "apart") not in after


def test_the_flow_serves_them_and_counts_how_runs_end(checkout, prefect_server):
    port, seen = free_port(), {}
    command = [sys.executable, "-m", "flows.cli", "run", "--metrics-port", str(port), "--metrics-host", "127.0.0.2"]
    for wanted in (set(), {("videopoet_runs_total", "whole")}):
        checkout.write(seed__value=len(wanted) + 1)
        environment = checkout.environment(PREFECT_API_URL=prefect_server, WORK_SLEEP_S="1")
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for line in process.stdout:
            if "seed works" in line:
                seen = ask(port, "127.0.0.2")
        assert process.wait() == 0
        assert seen["videopoet_stage", "running", "seed"] == 1
        assert {key for key in seen if key[0] == "videopoet_runs_total"} == wanted


def listening(port: int) -> list[str]:
    """The addresses at which this process answers."""
    found = psutil.Process().net_connections("tcp")
    return [one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN and one.laddr.port == port]


def addresses(family: int) -> list[str]:
    """This machine's own."""
    return [one.address for all_of in psutil.net_if_addrs().values() for one in all_of if one.family == family]


SIXTH = ["::", "::1"] if "::1" in addresses(socket.AF_INET6) else []


def test_only_this_machine_is_answered_unless_it_is_asked_for(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with served(port := free_port(), MetricsView(dict, {})):
        assert listening(port) == ["127.0.0.1"]
        assert ask(port) == {}
        for address in {"127.0.0.2", *addresses(socket.AF_INET)} - {"127.0.0.1"}:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((address, port), timeout=5)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.2", "127.0.0.3", "127.0.0.1", *SIXTH])
def test_the_address_that_is_asked_for_listens_and_no_other(monkeypatch, host):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    with served(port := free_port(), MetricsView(dict, {}), host):
        assert listening(port) == [host]


def test_in_a_pod_all_are_answered_since_policies_decide_who_gets_through(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    with served(port := free_port(), MetricsView(dict, {})):
        assert listening(port) == ["0.0.0.0"]


@pytest.mark.parametrize("host", ["192.0.2.1", "198.51.100.7", "203.0.113.255", "2001:db8::1", "::ffff:192.0.2.1"])
def test_an_address_that_is_not_this_machines_is_said(host):
    with pytest.raises(ValueError, match="choose another"), served(free_port(), MetricsView(dict, {}), host):
        pass


def test_a_port_that_is_taken_is_said():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        with pytest.raises(ValueError, match="choose another"), served(taken.getsockname()[1], MetricsView(dict, {})):
            pass


def test_without_a_port_nothing_is_served():
    before = psutil.Process().net_connections("tcp")
    with served(None, MetricsView(dict, {})):
        assert psutil.Process().net_connections("tcp") == before
