import pytest

from components.data_card.data import ScoreLimit
from components.data_card.histogram import FLOOR, LEAST, TOP, WIDTH, histogram
from components.data_card.statistics import BinCounts, bins

SPEED = ScoreLimit("too_fast", "speed", "widths/s", None, 2.0)


def test_bars_stand_side_by_side_and_the_highest_fills_the_picture() -> None:
    made = histogram("speed", BinCounts(bins([0.2, 0.25, 0.5, 3.0, None]), bins([0.2, 0.5])), [SPEED])
    assert made.bars[0].text == "0.2 to 0.3: 2 arrived, 1 kept"
    assert made.bars[0].kept_px == made.bars[0].dropped_px == (FLOOR - TOP) / 2
    assert made.bars[-1].text == "3 to 5: 1 arrived, 0 kept"
    assert made.bars[-1].x + made.bars[-1].width == pytest.approx(WIDTH, abs=1)
    assert made.unmeasured == 1


def test_a_limit_stands_where_its_value_is_and_shades_what_it_drops() -> None:
    made = histogram("speed", BinCounts(bins([1.0, 3.0]), bins([1.0])), [SPEED])
    (limit,) = made.limits
    before = next(bar for bar in made.bars if bar.text.startswith("2 to"))
    assert limit.x == pytest.approx(before.x, abs=0.2)
    assert limit.out_x == limit.x
    assert limit.out_x + limit.out_width == pytest.approx(WIDTH)
    assert limit.text == "too_fast: above 2"


def test_a_limit_far_from_all_clips_is_in_the_picture() -> None:
    made = histogram("speed", BinCounts(bins([0.01]), bins([0.01])), [SPEED])
    assert 0 < made.limits[0].x < WIDTH


def test_a_unit_stands_beside_the_name_and_not_in_it() -> None:
    made = histogram(
        "side_px", BinCounts(bins([64.0]), bins([64.0])), [ScoreLimit("too_small", "side_px", "px", 32.0, None)]
    )
    assert (made.title, made.unit) == ("Side", "px")


def test_nothing_measured_is_an_empty_picture() -> None:
    assert histogram("match", BinCounts(bins([None]), bins([])), []).unmeasured == 1


def test_a_single_dropped_clip_among_thousands_is_visible() -> None:
    made = histogram("speed", BinCounts(bins([0.2] * 2000 + [3.0]), bins([0.2] * 2000)), [SPEED])
    assert made.bars[-1].dropped_px == LEAST


@pytest.mark.parametrize(
    ("clips", "labels"), [(1, ["0", "1"]), (3, ["0", "1", "2", "3"]), (47, ["0", "20", "40"]), (90, ["0", "50"])]
)
def test_the_count_axis_has_few_round_numbers(clips: int, labels: list[str]) -> None:
    made = histogram("speed", BinCounts(bins([0.2] * clips), bins([0.2] * clips)), [])
    assert [label for _, label in made.counts] == labels
    assert made.counts[0][0] == FLOOR
