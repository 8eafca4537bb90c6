"""Every task in words, in the order of the page."""

import pytest

from components.language_model.tasks import SUPER_RESOLUTION, TASKS
from components.report.ops import tasks


@pytest.mark.parametrize("name", TASKS)
def test_every_task_says_what_it_is_given_and_what_it_makes(name: str) -> None:
    assert tasks.described(name).startswith("From ")
    assert tasks.described(name).endswith(".")


def test_what_follows_words_comes_first_and_super_resolution_last() -> None:
    ordered = sorted([*TASKS, SUPER_RESOLUTION], key=tasks.order)
    assert TASKS[ordered[0]].text
    assert ordered[-1] == SUPER_RESOLUTION
