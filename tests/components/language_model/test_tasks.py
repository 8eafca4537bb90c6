from dataclasses import fields
from typing import get_args

import pytest

from components.generate.model_paths import ModelPaths
from components.language_model.tasks import TASKS, Input, MetricGroup, Task
from components.language_model.vocabulary import SPECIALS


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_an_entry_is_whole(task: Task) -> None:
    assert task.token in SPECIALS
    assert task.model in {field.name for field in fields(ModelPaths)}
    assert {*task.inputs, *task.optional_inputs} <= {*get_args(Input)}
    assert task.metrics
    assert {*task.metrics} <= {*get_args(MetricGroup)}


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_a_request_gives_what_the_prefix_needs(task: Task) -> None:
    given = {*task.inputs, *task.optional_inputs}
    assert ("prompt" in given) == task.text
    assert ("audio" in given) == (task.audio != "none")
    assert bool(given & {"image", "video"}) == (task.frames != "none" or task.masked != "none" or task.structure)


def test_options_and_names_are_spelled_in_one_way() -> None:
    assert all("-" not in name for name in TASKS)
    assert len({task.option for task in TASKS.values()}) == len(TASKS)
    assert all("_" not in task.option for task in TASKS.values())
