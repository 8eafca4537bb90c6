"""One training in two pods, as an Indexed Job: real processes that meet by gloo, one of which does not stay."""

import threading
from pathlib import Path

import pytest
import yaml

from components.common import errors
from flows.machine.processes import StageFailed
from tests.trainings import TRAINING

pytestmark = pytest.mark.slow
WAIT_S = 300


@pytest.fixture
def training(cluster, checkout):
    """Stage `seed` is a training in two pods, whose checkpoints outlive them."""
    for root in (checkout.root, cluster.image):
        (root / "work.py").write_text(TRAINING)
    path = Path("k8s/placement.yaml")
    own = {"nodes": 2, "scratch_claim": "kept", "grace_s": 60}
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"stages": {"seed": own}}))
    cluster.environment["STEP_S"] = "0.1"
    return cluster


def test_when_one_pod_makes_way_all_stop_and_go_on_from_the_checkpoint(runs, training):
    evicting = threading.Thread(
        target=lambda: training.evict(training.await_line("did step 7", rank=1, seconds=WAIT_S)), daemon=True
    )
    evicting.start()
    run = runs()
    assert run.bring("seed")[0].how == "ran"
    assert sum("stopped at step" in line for line in run.lines) == 1
    assert sum("resumes at step" in line for line in run.lines) == 1
    assert len(training.jobs()) == 1
    assert len(training.pods) == 4


def test_when_one_pod_is_lost_the_next_try_goes_on_from_the_checkpoint(runs, training):
    losing = threading.Thread(
        target=lambda: training.lose(training.await_line("did step 7", rank=1, seconds=WAIT_S)), daemon=True
    )
    losing.start()
    with pytest.raises(StageFailed, match="another of the 2 processes") as caught:
        runs().bring("seed")
    assert caught.value.code == errors.RETRY
    run = runs()
    assert run.bring("seed")[0].how == "ran"
    assert "training: resumes at step 5" in run.lines
