"""Every task in words, in the order of the page."""

import pytest

from components.report.ops import tasks


@pytest.mark.parametrize("name", tasks.KNOWN)
def test_every_task_says_what_it_is_given_and_what_it_makes(name: str) -> None:
    assert tasks.described(name).startswith("From ")
    assert tasks.described(name).endswith(".")


def test_what_follows_words_comes_first_and_super_resolution_last() -> None:
    ordered = sorted([*tasks.KNOWN, tasks.SUPER_RESOLUTION], key=tasks.order)
    assert tasks.KNOWN[ordered[0]].text
    assert ordered[-1] == tasks.SUPER_RESOLUTION
