import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.pretokenize import ops


@settings(deadline=None)
@given(items=st.lists(st.integers()), tokens=st.integers(1, 50), limit=st.integers(1, 100))
def test_batches_hold_every_item_once_in_order_and_no_more_than_the_limit(
    items: list[int], tokens: int, limit: int
) -> None:
    found = list(ops.batches(items, tokens, limit))
    assert [item for _, batch in found for item in batch] == items
    assert all(items[span] == list(batch) for span, batch in found)
    assert all(len(batch) == 1 or len(batch) * tokens <= limit for _, batch in found)


def test_halved_clips_have_half_the_height_and_width_and_the_same_mean() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 8, 3), np.uint8)
    halved = ops.halved(frames)
    assert halved.shape == (2, 3, 8, 4, 3)
    assert abs(float(halved.mean()) - float(frames.mean())) < 2
