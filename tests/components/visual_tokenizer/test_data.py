import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from components.common.errors import DataError
from components.common.weighted_sampler import WeightedSampler
from components.filter.data import Clips, write_weights
from components.visual_tokenizer.data import Batches, ClipGroup, balanced


@pytest.fixture
def batches(config, kept_clips: Path) -> Batches:
    return Batches(config, kept_clips)


def test_a_batch_depends_on_its_step_alone(batches: Batches):
    assert torch.equal(batches.batch(3, 0, 1), batches.batch(3, 0, 1))
    assert len({batches.batch(step, 0, 1).numpy().tobytes() for step in range(8)}) > 4


def test_every_kind_of_batch_comes_up_at_the_base_size(batches: Batches):
    shapes = {tuple(batches.batch(step, 0, 1).shape) for step in range(200)}
    assert shapes == {(4, 1, 32, 32, 3), (4, 1, 56, 32, 3), (2, 17, 32, 32, 3), (2, 17, 56, 32, 3)}


def test_processes_share_the_kind_and_split_the_global_batch(batches: Batches):
    for step in range(10):
        whole = batches.batch(step, 0, 1)
        halves = [batches.batch(step, rank, 2) for rank in (0, 1)]
        assert [half.shape for half in halves] == [(len(whole) // 2, *whole.shape[1:])] * 2


def test_a_high_resolution_batch_is_a_crop_of_the_larger_clip(config, kept_clips: Path):
    batches = Batches(
        replace(config, sampling=replace(config.sampling, image_share=0.0, high_res_share=(1.0, 0.0), crops=1)),
        kept_clips,
    )
    frames, rows, columns = np.meshgrid(np.arange(17), np.arange(112), np.arange(64), indexing="ij")
    places = np.stack([frames, rows, columns], axis=-1).astype(np.uint8)  # every pixel says where it is
    batches.sources = {("clip", 2): [places[:, :64]] * 14, ("clip_portrait", 2): [places] * 14}
    windows = torch.cat([batches.batch(step, 0, 1) for step in range(8)]).int()
    corners = windows[:, 0, 0, 0]
    for axis in (1, 2, 3):
        steps = windows.diff(dim=axis)[..., axis - 1]
        assert (steps == 1).all()
    assert windows.shape[1:] == (17, 32, 32, 3)
    assert len(corners.unique(dim=0)) > 8


@pytest.mark.parametrize(("balance", "share"), [(0.0, 0.1), (0.5, 0.25), (1.0, 0.5)])
def test_a_small_folder_is_drawn_as_often_as_the_balance_says(balance: float, share: float):
    weights = balanced(["large"] * 90 + ["small"] * 10, balance, np.ones(100))
    assert weights[90:].sum() / weights.sum() == pytest.approx(share)
    drawn = WeightedSampler(weights).draw_independent(np.random.default_rng(0), 4000)
    assert (drawn >= 90).mean() == pytest.approx(share, abs=0.03)
    assert len(np.unique(drawn)) == 100


@pytest.mark.parametrize(("balance", "share"), [(0.0, 30 / 120), (1.0, 0.5)])
def test_clips_of_a_folder_share_what_it_weighs_by_their_own_weights(balance: float, share: float):
    own = np.array([1.0] * 90 + [0.5] * 5 + [5.5] * 5)
    weights = balanced(["large"] * 90 + ["small"] * 10, balance, own)
    assert weights[90:].sum() / weights.sum() == pytest.approx(share)
    assert weights[95] / weights[90] == pytest.approx(11)


def test_equal_weights_leave_the_draws_as_they_were_to_the_bit():
    weights = balanced(["large"] * 90 + ["small"] * 10, 0.7, np.ones(100))
    assert weights.tolist() == [90**-0.7] * 90 + [10**-0.7] * 10


def test_the_filters_weights_decide_what_is_drawn(config, kept_clips: Path, tmp_path: Path):
    folder = shutil.copytree(kept_clips, tmp_path / "filtered")
    training = Clips(folder, "train")
    videos = [clip.frames >= 17 and clip.orientation == "square" for clip in training]
    chosen = videos.index(True)
    weights = np.full(len(training), 0.01, np.float32)
    weights[chosen] = 100
    write_weights(folder, training.table["clip_id"].to_pylist(), weights)
    group = Batches(config, folder).groups[17]["square"]
    drawn = group.draw(np.random.default_rng(0), 100)
    assert (drawn == chosen).mean() > 0.9


def test_a_group_draws_its_own_clips_only():
    clips = np.array([2, 5, 7])
    group = ClipGroup(clips, WeightedSampler(balanced(["a"] * 4 + ["b"] * 4, 0.5, np.ones(8))[clips]))
    assert set(group.draw(np.random.default_rng(0), 100)) == {2, 5, 7}


def test_several_crops_are_taken_of_one_high_resolution_copy(config, kept_clips: Path):
    sampling = replace(config.sampling, image_share=0.0, high_res_share=(1.0, 0.0), crops=2, global_batch_clips=4)
    batches, drawn = Batches(replace(config, sampling=sampling), kept_clips), list[int]()
    one = batches._crop
    batches._crop = lambda own, index, *how: drawn.append(index) or one(own, index, *how)
    batches.batch(0, 0, 1)
    assert drawn[::2] == drawn[1::2]


def test_only_the_training_split_is_drawn_from(batches: Batches):
    assert {clip.split for clip in batches.clips} == {"train"}


def test_a_training_without_clips_is_refused(config, kept_clips: Path):
    empty = replace(config, formats=replace(config.formats, clip_frames=45, long_frames=49))
    with pytest.raises(DataError, match="no training clip has 45 frames"):
        Batches(empty, kept_clips)
