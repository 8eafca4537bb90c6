"""A fine-tune whose stages are Jobs: pods get its graph with the order, and its pins by hash from the remote."""

import shutil

import pytest

from flows.finetune import FinetuneResult, finetune
from tests.flows.tunable import Tunable

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tunable: Tunable) -> Tunable:
    """What the cluster is set up for. The remote there has nothing of the champion yet."""
    return tunable


def test_in_a_cluster_it_ends_with_the_run_that_working_here_gives(cluster, checkout: Tunable, prefect_server: str):
    checkout.sources("abcde")
    shutil.copyfile(cluster.folder / "registry.db", cluster.folder / "registry.db.before")
    result = finetune(where="kubernetes", return_state=True).result(raise_on_failure=False)
    assert isinstance(result, FinetuneResult), result
    assert (result.became, result.new_clips) == ("promoted", 2)
    assert {pod.partition("-")[0] for pod in cluster.pods} == {"ingest", "filter", "finetune", "generate", "evaluate"}
    assert checkout.there.started() == []  # pods did the work
    lock = checkout.there.lock()
    shutil.rmtree(checkout.there.root)
    shutil.rmtree(checkout.root / ".dvc/cache/runs")
    shutil.rmtree(cluster.folder / "remote/runs")  # or else nothing would run here
    shutil.copyfile(cluster.folder / "registry.db.before", cluster.folder / "registry.db")
    again = finetune(return_state=True).result(raise_on_failure=False)
    assert isinstance(again, FinetuneResult), again
    assert checkout.there.started() == ["ingest", "filter", "finetune", "generate", "evaluate"]
    assert (again.run, checkout.there.lock()) == (result.run, lock)
