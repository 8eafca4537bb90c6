"""Two processes that train together, as on two nodes: they meet, stop together, and end with telling exit codes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket

import psutil
import pytest

from components.common import errors
from tests.trainings import TRAINING

pytestmark = pytest.mark.slow
PATIENCE_S = 300
Nodes = list[subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Nodes]]:
    """Starts both nodes of a training in a folder of their own."""
    (tmp_path / "train.py").write_text(TRAINING)
    made: Nodes = []

    def begin(**more: str) -> Nodes:
        with socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        rendezvous = {"PET_NNODES": "2", "PET_RDZV_BACKEND": "static", "PET_RDZV_ENDPOINT": f"127.0.0.1:{port}"}
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **rendezvous, **more}
        nodes = []
        for rank in range(2):
            command = [
                sys.executable,
                "-m",
                "components.common.launch",
                "--node-rank",
                str(rank),
                "train.py",
                f"out-{rank}",
            ]
            with (tmp_path / f"log-{rank}").open("ab") as log:
                nodes.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log))
        made.extend(nodes)
        return nodes

    yield begin
    for node in made:
        if node.poll() is None:
            for child in psutil.Process(node.pid).children(recursive=True):
                child.kill()
            node.kill()


def ends(nodes: Nodes) -> list[int]:
    return [node.wait(PATIENCE_S) for node in nodes]


def await_line(log: Path, words: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while words not in log.read_text():
        assert time.monotonic() < until_s, log.read_text()
        time.sleep(0.05)


def test_two_nodes_share_one_curve_and_a_stopped_training_goes_on_to_the_same(start, tmp_path):
    assert ends(start()) == [0, 0]
    curve = (tmp_path / "out-0/curve.csv").read_text()
    assert (tmp_path / "out-1/curve.csv").read_text() == curve
    for path in (*tmp_path.glob("out-*/*"), *tmp_path.glob("scratch/*"), *tmp_path.glob("log-*")):
        path.unlink()
    nodes = start(STEP_S="0.1")
    await_line(tmp_path / "log-1", "did step 7")
    nodes[1].send_signal(signal.SIGTERM)
    assert ends(nodes) == [errors.STOPPED] * 2
    assert all("stopped at step" in (tmp_path / f"log-{rank}").read_text() for rank in range(2))
    assert ends(start()) == [0, 0]
    assert "resumes at step" in (tmp_path / "log-1").read_text()
    assert (tmp_path / "out-0/curve.csv").read_text() == curve


def test_a_node_whose_fellow_is_killed_ends_as_a_passing_fault(start, tmp_path):
    nodes = start(STEP_S="0.1")
    await_line(tmp_path / "log-1", "did step 7")
    for child in psutil.Process(nodes[1].pid).children(recursive=True):
        child.kill()
    assert ends(nodes) == [errors.RETRY, 128 + signal.SIGKILL]
    assert "another of the 2 processes" in (tmp_path / "log-0").read_text()


def test_a_stage_that_ends_with_a_code_of_its_own_keeps_it(start):
    assert ends(start(EXIT_AT="1 3", EXIT_CODE="64")) == [errors.RETRY, 64]
