"""How often training clips are drawn: laws over generated captions."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.filter import balance
from components.filter.config import AttributeBalance, Balancing

NONE = AttributeBalance("", (), 0.5, 0.5)
PEOPLE = AttributeBalance("people", ("child", "adult"), 0.5, 0.5)
WORDS = ["dog", "cat", "street", "gull", "kiln", "a"]

captions = st.lists(
    st.lists(st.sampled_from([*WORDS, *["dog"] * 6]), max_size=3).map(" ".join), min_size=1, max_size=60
)
balances = st.builds(
    Balancing,
    max_share=st.floats(0.01, 1),
    max_draws=st.floats(1, 8),
    min_clips=st.integers(1, 3),
    stopwords=st.sampled_from([(), ("a",)]),
    attribute=st.sampled_from([NONE, PEOPLE]),
)


def labeled(said: list[str]) -> list[str]:
    """A label for every caption, of which the frequent one is four times as frequent; some have none."""
    return [("adult", "adult", "adult", "child", "adult", "")[number % 6] for number in range(len(said))]


def after(said: list[str], labels: list[str], config: Balancing) -> dict[str, float]:
    """Share of the draws of every concept and label."""
    weights = balance.weights(said, labels, config)
    return {share.name: share.share_after for share in balance.shares(said, labels, weights, config)}


@settings(max_examples=60, deadline=None)
@given(captions, balances)
def test_weights_have_the_mean_1_and_lie_between_the_cap_and_its_inverse(said: list[str], config: Balancing):
    weights = balance.weights(said, labeled(said), config)
    assert weights.mean(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    assert weights.max() <= config.max_draws * (1 + 1e-6)
    assert weights.min() >= 1 / config.max_draws * (1 - 1e-6)


@settings(max_examples=60, deadline=None)
@given(captions, balances, st.randoms(use_true_random=False))
def test_the_order_of_clips_changes_no_weight(said: list[str], config: Balancing, chance: Random):
    labels, order = labeled(said), list(range(len(said)))
    chance.shuffle(order)
    shuffled = balance.weights([said[place] for place in order], [labels[place] for place in order], config)
    assert shuffled.tobytes() == balance.weights(said, labels, config)[order].tobytes()


@settings(max_examples=60, deadline=None)
@given(captions, balances)
def test_a_clip_with_less_that_is_frequent_among_the_same_never_weighs_less(said: list[str], config: Balancing):
    labels = labeled(said)
    weights = balance.weights(said, labels, config)
    _, kinds = balance.frequent(said, labels, config)
    found = [(set(kind), weight) for kind, weight in zip(kinds, weights.tolist(), strict=True) if kind is not None]
    assert all(weight >= other for fewer, weight in found for more, other in found if fewer <= more)


@settings(max_examples=60, deadline=None)
@given(captions, balances)
def test_a_clip_of_which_nothing_is_told_has_the_mean_weight(said: list[str], config: Balancing):
    _, kinds = balance.frequent(said, [""] * len(said), config)
    weights = balance.weights(said, [""] * len(said), config)
    assert {weight for kind, weight in zip(kinds, weights.tolist(), strict=True) if kind is None} <= {1.0}


@settings(max_examples=60, deadline=None)
@given(captions, balances)
def test_what_is_off_or_not_too_frequent_leaves_every_weight_at_exactly_1(said: list[str], config: Balancing):
    config = replace(config, attribute=NONE)
    even = [word for word in ("dog", "cat", "gull", "kiln") for _ in said]
    for words, alike in (
        (said, replace(config, max_share=1.0)),
        (said, replace(config, max_draws=1.0)),
        (even, replace(config, max_share=0.25)),
    ):
        weights = balance.weights(words, [""] * len(words), alike)
        assert weights.tobytes() == np.ones(len(words), np.float32).tobytes()
        assert balance.effective_clips(weights) == pytest.approx(len(words))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=3, max_size=9), st.floats(1.2, 3))
def test_no_concept_keeps_more_of_the_draws_than_it_may_where_that_can_be(counts: list[int], slack: float):
    said = [f"word{'abcdefghi'[number]}" for number, clips in enumerate(counts) for _ in range(clips)]
    most = min(1.0, slack / len(counts))
    config = Balancing(most, 1e6, 1, (), NONE)
    assert max(after(said, [""] * len(said), config).values()) <= most * 1.05


def test_a_frequent_concept_falls_to_its_share_and_a_rare_one_rises():
    said = [*["a dog runs"] * 900, *["a gull flies"] * 90, *["a kiln glows"] * 10]
    config = Balancing(0.4, 100.0, 1, ("a",), NONE)
    weights = balance.weights(said, [""] * 1000, config)
    share = {share.name: share for share in balance.shares(said, [""] * 1000, weights, config)}
    assert list(share) == ["dog", "runs", "flies", "gull", "glows", "kiln"]  # the most frequent first, no "a"
    before = [(share[name].clips, share[name].share_before) for name in ("dog", "gull", "kiln")]
    assert before == [(900, 0.9), (90, 0.09), (10, 0.01)]
    assert share["dog"].share_after == pytest.approx(0.4, rel=0.02)
    assert share["gull"].share_after == pytest.approx(0.4, rel=0.02)
    assert share["kiln"].share_after == pytest.approx(0.2, rel=0.05)
    assert 20 < balance.effective_clips(weights) < 300


def test_concepts_that_stand_together_are_brought_down_together():
    random = np.random.default_rng(0)
    rest = [f"thing{'abcdefghijklmnopqrst'[kind]}" for kind in random.integers(20, size=2000)]
    dog, street = random.random((2, 2000)) < [[0.6], [0.4]]
    said = [f"{'dog' * int(d)} {'street' * int(s)} {thing}" for d, s, thing in zip(dog, street, rest, strict=True)]
    share = after(said, [""] * 2000, Balancing(0.25, 20.0, 1, (), NONE))
    assert share["dog"] == pytest.approx(0.25, rel=0.02)
    assert share["street"] == pytest.approx(0.25, rel=0.02)
    assert 0.03 < share["thinga"] < 0.07


def test_no_clip_vanishes_for_a_share_that_cannot_be_met():
    said = [*["dog"] * 98, *["gull"] * 2]
    weights = balance.weights(said, [""] * 100, Balancing(0.01, 4.0, 1, (), NONE))
    assert weights[0] == pytest.approx(92 / 98)  # the others are at their cap
    assert weights[99] == pytest.approx(4)


def test_words_of_too_few_clips_are_no_concepts():
    said = [*["dog"] * 20, *["xqz"] * 2]
    config = Balancing(0.5, 10.0, 3, (), NONE)
    assert balance.counts(said, config) == {"dog": 20}
    assert balance.weights(said, [""] * 22, config)[20:].tolist() == [1, 1]
    assert balance.weights(said, [""] * 22, replace(config, min_clips=2))[20:].min() > 4


def test_shares_are_of_the_clips_of_which_something_is_told():
    said = [*["cat"] * 45, *["dog"] * 30, *["gull"] * 25, *[""] * 1900]
    weights = balance.weights(said, [""] * 2000, Balancing(0.4, 10.0, 1, (), NONE))
    assert weights[:45].sum() == pytest.approx(40, rel=0.01)
    assert weights[45:100].sum() == pytest.approx(60, rel=0.01)
    assert set(weights[100:].tolist()) == {1.0}


def test_labels_come_down_to_their_share_and_clips_without_one_keep_theirs():
    labels = [*["adult"] * 60, *["child"] * 20, *[""] * 20]
    share = after([""] * 100, labels, Balancing(1.0, 10.0, 1, (), PEOPLE))
    assert share["adult"] == pytest.approx(0.4, rel=0.02)
    assert share["child"] == pytest.approx(0.4, rel=0.02)
    assert share[""] == pytest.approx(0.2, abs=1e-6)


def test_labels_and_concepts_are_balanced_at_once():
    said = [*["dog"] * 80, *["gull"] * 20]
    labels = [*["adult"] * 70, *["child"] * 10, *["adult"] * 15, *["child"] * 5]
    share = after(said, labels, Balancing(0.5, 50.0, 1, (), PEOPLE))
    assert [share[name] for name in ("dog", "gull", "adult", "child")] == pytest.approx([0.5] * 4, rel=0.02)


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A Dog, a dog!", {"a", "dog"}),
        ("It's 24 fps_cut", {"it's", "fps", "cut"}),
        ("\u00c9T\u00c9 e\u0301te\u0301", {"\u00e9t\u00e9"}),
        ("…", set()),
    ],
)
def test_words_are_words_whatever_their_case(caption: str, words: set[str]):
    assert balance.words_of(caption) == words


def test_nothing_to_draw_from_is_balanced_too():
    config = Balancing(0.1, 4.0, 1, (), PEOPLE)
    assert len(balance.weights([], [], config)) == 0
    assert balance.shares([], [], balance.weights([], [], config), config) == []
    assert balance.effective_clips(balance.weights([], [], config)) == 0
