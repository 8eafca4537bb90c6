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

pytestmark = pytest.mark.slow
PATIENCE_S = 300
TRAINING = """
import os, sys, time
from pathlib import Path
import torch
from components.common import errors, runtime
from components.common.fit import fit

class Line:
    def __init__(self):
        torch.manual_seed(0)
        self.modules = {"model": torch.nn.Linear(4, 1)}
        self.optimizers = {"model": torch.optim.AdamW(self.modules["model"].parameters(), lr=0.01)}

    def batch(self, step, rank, world):
        return torch.randn(8, 4, generator=torch.Generator().manual_seed(step))[rank::world]

    def step(self, fabric, batch, step):
        if os.environ.get("EXIT_AT") == f"{fabric.global_rank} {step}":
            sys.exit(int(os.environ["EXIT_CODE"]))
        time.sleep(float(os.environ.get("STEP_S", "0")))
        loss = (self.modules["model"](batch) - batch.sum(1, keepdim=True)).square().mean()
        self.optimizers["model"].zero_grad()
        fabric.backward(loss)
        self.optimizers["model"].step()
        print("did step", step, flush=True)
        return {"loss": loss}

world = int(os.environ["WORLD_SIZE"])
training, scratch = Line(), Path("scratch")
try:
    with runtime.use(runtime.Runtime(scratch=scratch, cache=scratch, nodes=world)):
        history = fit(training, steps=30, seed=1, checkpoint_every_steps=5, unit="rows", per_step=8)
    history.write_csv(Path(f"curve-{os.environ['RANK']}.csv"))
except (errors.Stopped, errors.Retryable) as error:
    print(error, flush=True)
    sys.exit(errors.STOPPED if isinstance(error, errors.Stopped) else errors.RETRY)
"""
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
        told = {"PET_NNODES": "2", "PET_RDZV_BACKEND": "static", "PET_RDZV_ENDPOINT": f"127.0.0.1:{port}"}
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **told, **more}
        nodes = []
        for rank in range(2):
            command = [sys.executable, "-m", "components.common.launch", "--node-rank", str(rank), "train.py"]
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
    curve = (tmp_path / "curve-0.csv").read_text()
    assert (tmp_path / "curve-1.csv").read_text() == curve
    for path in (*tmp_path.glob("curve-*"), *tmp_path.glob("scratch/*"), *tmp_path.glob("log-*")):
        path.unlink()
    nodes = start(STEP_S="0.1")
    await_line(tmp_path / "log-1", "did step 7")
    nodes[1].send_signal(signal.SIGTERM)
    assert ends(nodes) == [errors.STOPPED] * 2
    assert all("stopped at step" in (tmp_path / f"log-{rank}").read_text() for rank in range(2))
    assert ends(start()) == [0, 0]
    assert "goes on from step" in (tmp_path / "log-1").read_text()
    assert (tmp_path / "curve-0.csv").read_text() == curve


def test_a_node_whose_fellow_is_killed_ends_as_a_passing_fault(start, tmp_path):
    nodes = start(STEP_S="0.1")
    await_line(tmp_path / "log-1", "did step 7")
    for child in psutil.Process(nodes[1].pid).children(recursive=True):
        child.kill()
    assert ends(nodes) == [errors.RETRY, 128 + signal.SIGKILL]
    assert "another of the 2 processes" in (tmp_path / "log-0").read_text()


def test_a_stage_that_ends_with_a_code_of_its_own_keeps_it(start):
    assert ends(start(EXIT_AT="1 3", EXIT_CODE="64")) == [errors.RETRY, 64]
