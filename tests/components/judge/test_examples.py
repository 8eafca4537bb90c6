from dataclasses import replace

import numpy as np
import pytest

from components.filter.data import Clips
from components.judge.examples import MISSING, Examples, labels, learnable_values, visible_in_stills


@pytest.fixture
def train(clips, config):
    return Examples(Clips(clips, "train"), config.formats, cache_mib=1)


def test_what_images_have_is_visible_in_stills(train):
    assert visible_in_stills(train) == {"color"}


def test_common_values_are_learned_and_rare_ones_are_not(train):
    assert learnable_values(train, 4) == {"color": ("blue", "red"), "motion": ("left", "right")}
    of_motion = sum(attributes.get("motion") == "left" for attributes in train.attributes)
    assert set(learnable_values(train, of_motion + 1)) == {"color"}
    assert learnable_values(train, 1000) == {}


def test_what_no_caption_says_is_not_learned(clips, clips_of, config):
    kept = Clips(clips, "train")
    rows = []
    for i in range(len(kept)):
        row = kept.row(i)
        codec = {"codec": "vp8" if i % 3 else "h264"}
        rows.append(replace(row, clip=replace(row.clip, attributes={**row.clip.attributes, **codec})))
    train = Examples(Clips(clips_of(rows), "train"), config.formats)
    assert set(learnable_values(train, 4)) == {"color", "motion"}


def test_labels_number_the_values_and_mark_what_is_missing():
    values = {"motion": ("left", "right"), "color": ("blue", "red")}
    found = labels([{"color": "red", "motion": "left"}, {"color": "mauve"}], values)
    assert found.tolist() == [[1, 0], [MISSING, MISSING]]


def test_groups_hold_every_clip_by_shape(train):
    groups = {(group.still, group.orientation): group.indices for group in train.groups()}
    assert set(groups) == {(still, name) for still in (False, True) for name in ("square", "portrait")}
    moving = np.concatenate([groups[False, "square"], groups[False, "portrait"]])
    assert not train.is_image[moving].any()
    assert sorted(np.concatenate([groups[True, "square"], groups[True, "portrait"]])) == list(range(len(train)))


def test_pixels_have_the_base_size_of_their_shape(train):
    sizes = {train.pixels(int(group.indices[0])).shape for group in train.groups()}
    assert sizes <= {(5, 16, 16, 3), (5, 24, 16, 3), (1, 16, 16, 3), (1, 24, 16, 3)}
