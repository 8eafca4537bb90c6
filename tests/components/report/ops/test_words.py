"""Numbers and tasks in words."""

import pytest

from components.report.ops import tasks, words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (3.0, "3"),
        (-1.5, "−1.5"),
        (0.123456, "0.123"),
        (23.456, "23.5"),
        (12345.6, "12\u202f346"),
        (1e-5, "1.0e−05"),
    ],
)
def test_numbers_have_about_three_digits(value: float, text: str) -> None:
    assert words.number(value) == text


def test_a_share_is_read_as_per_cent() -> None:
    assert words.quantity(0.9375, "share") == "93.8\u202f%"
    assert words.quantity(1.0, "share", bare=True) == "100"
    assert words.quantity(22.5, "dB") == "22.5\u202fdB"


@pytest.mark.parametrize(
    ("parts", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists_read_as_sentences_do(parts: list[str], text: str) -> None:
    assert words.listed(parts) == text


@pytest.mark.parametrize("name", tasks.KNOWN)
def test_every_task_says_what_it_is_given_and_what_it_makes(name: str) -> None:
    assert tasks.described(name).startswith("From ")
    assert tasks.described(name).endswith(".")


def test_what_follows_words_comes_first_and_super_resolution_last() -> None:
    ordered = sorted([*tasks.KNOWN, tasks.SUPER_RESOLUTION], key=tasks.order)
    assert tasks.KNOWN[ordered[0]].text
    assert ordered[-1] == tasks.SUPER_RESOLUTION
