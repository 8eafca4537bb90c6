"""How a flow ends that lets the gate decide, as Prefect shows it."""

from pathlib import Path
from typing import Any

import pytest

from flows.execution.coordinator import exclusive_run
from flows.machine.workspace import Workspace
from tests.flows.promotion.test_promoter import aliases, parameters
from tests.flows.promotion.test_promoter import checkout as judged

__all__ = ["judged"]


def retrained() -> Any:
    from flows.retrain import retrain

    return retrain(promote=True, return_state=True)


def test_a_better_run_is_promoted_a_worse_one_refused_and_each_says_so_with_its_table(judged, prefect_server):
    parameters(judged, 0.5)
    first = retrained()
    assert (first.name, first.type.value) == ("Promoted", "COMPLETED")
    assert first.message.startswith(f"candidate {aliases()['champion']}, champion none\n")
    assert "text_to_video/motion: 0.5, the floor is 0.1" in first.message
    parameters(judged, 0.4)
    second = retrained()
    assert (second.name, second.type.value) == ("Refused", "COMPLETED")
    assert f"champion {aliases()['champion']}" in second.message
    assert "NO text_to_video/motion: 0.5 → 0.4" in second.message


def test_a_run_that_is_the_champion_already_is_skipped(judged, prefect_server):
    parameters(judged, 0.5)
    retrained()
    again = retrained()
    assert again.name == "Skipped"
    assert f"run {aliases()['champion']} is already the champion" in again.message


def test_a_run_that_fails_is_not_decided_about_and_says_which_stage_and_why(judged, prefect_server):
    parameters(judged, "nothing")
    ended = retrained()
    assert ended.is_failed()
    assert "generate ended with exit code 1" in ended.message
    assert ended.message.splitlines()[-1].startswith("failed: generate; `videopoet logs generate` shows more")
    assert aliases() == {}


def test_a_checkout_in_which_another_run_works_is_left_to_it(judged, prefect_server):
    parameters(judged, 0.5)
    with exclusive_run(Workspace(judged.root), pytest.fail):
        ended = retrained()
    assert ended.name == "Skipped"
    assert f"another run is in progress in {judged.root}" in ended.message
    assert not Path("models").exists()
