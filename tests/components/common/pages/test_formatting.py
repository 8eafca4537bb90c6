"""Numbers and names in words."""

import pytest

from components.common.pages import formatting


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
    assert formatting.number(value) == text


def test_a_share_is_read_as_per_cent() -> None:
    assert formatting.quantity(0.9375, "share") == "93.8\u202f%"
    assert formatting.quantity(1.0, "share", bare=True) == "100"
    assert formatting.quantity(22.5, "dB") == "22.5\u202fdB"


@pytest.mark.parametrize(
    ("parts", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists_read_as_sentences_do(parts: list[str], text: str) -> None:
    assert formatting.listed(parts) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (59.4, "59 s"), (1237.0, "20 min 37 s"), (11100.0, "3 h 5 min")]
)
def test_durations_are_spelled_out(seconds: float, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(999, "999"), (104304, "104\u202fk"), (1.24e6, "1.24\u202fM"), (8.06e9, "8.06\u202fG")]
)
def test_large_counts_are_short(value: float, text: str) -> None:
    assert formatting.compact(value) == text
