import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from components.data_card.flow_chart import STREAM, flow_chart
from components.data_card.statistics import StageCounts


@st.composite
def passages(draw: st.DrawFn) -> StageCounts:
    kept = draw(st.integers(0, 50))
    dropped = draw(st.dictionaries(st.sampled_from(["too_still", "blurred", "license", "jittery"]), st.integers(1, 50)))
    return StageCounts(kept + sum(dropped.values()), kept, dropped)


@given(passages(), passages())
def test_every_count_is_drawn_once_inside_the_picture_and_no_two_words_overlap(
    files: StageCounts, clips: StageCounts
) -> None:
    found = flow_chart(files, clips, {"train": clips.kept})
    lost = [(node.name, node.count) for node in found.nodes if node.kind == "lost"]
    assert sorted(lost) == sorted([*files.dropped.items(), *clips.dropped.items()])
    for column in {node.x for node in found.nodes}:
        tops = sorted(node.y for node in found.nodes if node.x == column)
        assert all(below - above >= 20 for above, below in pairwise(tops))
    assert all(0 <= node.y <= node.y + node.height <= found.height for node in found.nodes)
    numbers = [float(number) for ribbon in found.ribbons for number in re.findall(r"-?[\d.]+", ribbon.path)]
    assert all(0 <= number <= max(found.width, found.height) for number in numbers)


def test_what_leaves_a_bar_is_as_high_as_the_bar() -> None:
    found = flow_chart(StageCounts(10, 6, {"empty_file": 4}), StageCounts(8, 8, {}), {"train": 6, "heldout": 2})
    splits = [node.height for node in found.nodes if node.name in ("train", "heldout")]
    assert sum(splits) == STREAM
    assert next(node.height for node in found.nodes if node.name == "empty_file") == STREAM * 0.4
