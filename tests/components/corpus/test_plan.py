from collections import Counter
from dataclasses import replace

from components.corpus import plan
from components.corpus.config import Config


def test_a_sixth_of_the_combinations_is_hidden_evenly() -> None:
    seen, hidden = plan.combinations()
    assert len(seen) == 120
    assert len(hidden) == 24
    assert not {*seen} & {*hidden}
    for place, times in ((0, 6), (1, 4), (2, 4)):
        assert set(Counter(triple[place] for triple in hidden).values()) == {times}


def test_training_never_shows_a_hidden_combination(config: Config) -> None:
    large = replace(config, videos=600, heldout_videos=144)
    videos = [item for item in plan.items(large) if item.motion]
    hidden = {*plan.combinations()[1]}
    train = {(item.shape, item.color, item.motion) for item in videos if item.split == "train"}
    heldout = {(item.shape, item.color, item.motion) for item in videos if item.split == "heldout"}
    assert not train & hidden
    assert hidden <= heldout
    assert len(train) == 120
    assert all(item.unseen == ((item.shape, item.color, item.motion) in hidden) for item in videos)


def test_held_out_files_are_captioned_in_words_that_training_has(config: Config) -> None:
    items = plan.items(replace(config, videos=600, images=200, heldout_videos=144, heldout_images=40))
    heldout = [item.caption for item in items if item.split == "heldout"]
    train = [item.caption for item in items if item.split == "train"]
    assert all(heldout)
    assert {word for caption in heldout for word in caption.split()} <= {
        w for caption in train for w in caption.split()
    }


def test_captions_name_shape_color_and_motion(config: Config) -> None:
    for item in plan.items(config):
        if item.caption:
            assert item.shape in item.caption
            assert item.color in item.caption
            assert plan.MOTIONS.get(item.motion, "") in item.caption


def test_shares_are_exact(config: Config) -> None:
    items = plan.items(replace(config, videos=200, images=100, heldout_videos=40))
    videos, images = items[:200], items[200:]
    assert sum(item.long for item in videos) == 20
    assert sum(item.portrait for item in videos) == 40
    assert Counter(item.audio for item in videos) == {"audible": 160, "silent": 20, "none": 20}
    assert sum(not item.caption for item in videos) == 40  # a quarter of the 160 for training
    assert sum(item.portrait for item in images) == 20


def test_a_plan_is_a_function_of_its_seed(config: Config) -> None:
    assert plan.items(config) == plan.items(config)
    assert plan.items(config) != plan.items(replace(config, seed=2))


def test_an_empty_corpus_is_allowed(config: Config) -> None:
    assert plan.items(replace(config, videos=0, images=0, heldout_videos=0, heldout_images=0)) == []
