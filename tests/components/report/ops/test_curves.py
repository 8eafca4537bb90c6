"""Curves keep within their frame and mark round numbers."""

from hypothesis import given, settings
from hypothesis import strategies as st

from components.report.ops import curves

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


@settings(deadline=None, max_examples=50)
@given(VALUES)
def test_a_curve_and_its_ticks_stay_within_the_plot(values: list[float]) -> None:
    frame = curves.LARGE
    chart = curves.chart("loss", tuple((float(step), value) for step, value in enumerate(values)))
    places = [tuple(map(float, point.split(","))) for point in chart.line.split()]
    assert len(places) == len(values)
    assert all(frame.left <= x <= frame.width - frame.right for x, _ in places)
    assert all(frame.top <= y <= frame.height - frame.bottom for _, y in places)
    assert all(frame.top <= tick.place <= frame.height - frame.bottom for tick in chart.values)


def test_a_falling_loss_ends_at_the_bottom() -> None:
    chart = curves.chart("loss", ((0.0, 3.0), (1.0, 1.0)))
    (_, start), (_, end) = (map(float, point.split(",")) for point in chart.line.split())
    assert start < end
    assert (chart.first, chart.last, chart.logarithmic) == ("3", "1", False)


def test_a_curve_over_decades_is_logarithmic() -> None:
    chart = curves.chart("loss", ((0.0, 100.0), (1.0, 0.1)))
    assert chart.logarithmic
    assert {"1", "10"} <= {tick.label for tick in curves.chart("loss", ((0.0, 20.0), (1.0, 0.5))).values}


def test_ticks_are_round() -> None:
    assert curves.round_numbers(0.13, 0.88, 5) == [0.2, 0.4, 0.6, 0.8]
    assert curves.round_numbers(1.0, 1.0, 5) == []
