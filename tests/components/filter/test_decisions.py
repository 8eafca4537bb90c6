"""Every arrived clip gets one decision, whatever the baseline and the scores are."""

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.filter.baseline_clips import EMPTY_BASELINE, BaselineClips
from components.filter.data import Clip
from components.filter.decisions import HELD_OUT, IN_BASELINE, NEAR_DUPLICATE, ClipDecision, decide
from components.filter.duplicates import FINGERPRINT_BYTES
from components.filter.rules import ClipScores
from components.media.arrays import Pixels
from tests.components.filter.conftest import usual
from tests.conftest import FORMATS

VIDEO = Clip("a", "s", "video", "train", "", "", "", 17, "square", 0.0, 2.125, 64, 64, "none", 0.01, {})
GOOD = ClipScores(64, 2.125, 0.01, 0.1, 0.0, 200.0, 0.0, 0.0, 0.0, 0.0, 5, "en", 3, 0.3, 0.9, 0.1)
CONFIG = usual(FORMATS)
LOOKS = np.random.default_rng(0).integers(0, 256, (6, FINGERPRINT_BYTES), np.uint8)  # each unlike the others


def clip(number: int, source: int, split: str) -> Clip:
    return replace(VIDEO, clip_id=f"{number:064x}", source_sha256=f"{source:064x}", split=split)


def decided(
    clips: list[Clip],
    looks: list[int],
    baseline: BaselineClips,
    *,
    still: frozenset[int] = frozenset(),
    tuning: bool = True,
) -> list[ClipDecision]:
    """Decide with good scores, but for `still` ones; clips with the same look are copies."""
    new = baseline.new(clips)
    scores = {index: replace(GOOD, motion=0.0) if index in still else GOOD for index in new}
    prints: Pixels = LOOKS[[looks[index] for index in new]]
    return decide(CONFIG, clips, scores, prints, baseline, only_training=tuning)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_each_clip_is_kept_or_dropped_for_one_reason_in_its_order(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 6))
    splits = st.sampled_from(["", "train", "heldout"])
    clips = [clip(number, data.draw(st.integers(0, 5)), data.draw(splits)) for number in range(count)]
    looks = data.draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
    still = data.draw(st.frozensets(st.integers(0, 5)))
    known = data.draw(st.lists(st.integers(0, 5), max_size=3, unique=True))
    baseline = BaselineClips([clip(100 + look, look, "train") for look in known], LOOKS[known])
    tuning = data.draw(st.booleans())
    found = decided(clips, looks, baseline, still=still, tuning=tuning)
    assert [one.clip.clip_id for one in found] == [one.clip_id for one in clips]
    for index, one in enumerate(found):
        assert (one.reason == IN_BASELINE) == (clips[index].source_sha256 in baseline.sources)
        assert one.reason in ("", IN_BASELINE, NEAR_DUPLICATE, HELD_OUT, "too_still")
        assert bool(one.detail) == bool(one.reason)
        if not one.reason:
            assert one.clip.split in (("train",) if tuning else ("train", "heldout"))
            assert looks[index] not in known
        assert clips[index].split in ("", one.clip.split)
    kept = Counter(looks[index] for index, one in enumerate(found) if one.joins_baseline)
    assert all(times == 1 for times in kept.values())


def test_the_baseline_stays_and_a_copy_of_it_is_dropped_with_its_name() -> None:
    baseline = BaselineClips([clip(9, 9, "train")], LOOKS[:1])
    (found,) = decided([clip(1, 1, "train")], [0], baseline)
    assert (found.reason, found.detail) == (NEAR_DUPLICATE, f"of {9:064x}")
    assert not found.joins_baseline


def test_only_a_fine_tune_drops_what_is_held_out_and_the_next_run_knows_it() -> None:
    clips = [clip(1, 1, "heldout")]
    (tuned,) = decided(clips, [0], EMPTY_BASELINE)
    (trained,) = decided(clips, [0], EMPTY_BASELINE, tuning=False)
    assert (tuned.reason, tuned.joins_baseline) == (HELD_OUT, True)
    assert trained.reason == ""
