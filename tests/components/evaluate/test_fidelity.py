import numpy as np
import pytest

from components.evaluate import fidelity
from components.media.pixels import crop_and_resize
from components.pretokenize import regions


def by_name(measures):
    return {measure.name: measure for measure in measures}


def test_the_right_motion_beats_a_copied_first_frame(made, media, truth, heldout):
    samples = [
        made(i, truth.pixels(clip.clip_id, media.formats.clip), task="image_to_video", clip=clip, given_frames=1)
        for i, clip in enumerate(heldout[:3])
    ]
    found = by_name(fidelity.continued(samples, media, truth, 24))
    moving = found["psnr_where_it_moves"]
    assert moving.baseline_name == "copied first frame"
    assert min(moving.values) > max(moving.baselines) + 5
    assert moving.reconstruction_ceiling > max(moving.baselines)


def test_a_copied_first_frame_is_no_better_than_itself(made, media, truth, heldout):
    still = truth.pixels(heldout[0].clip_id, media.formats.clip)[:1].repeat(5, axis=0)
    samples = [made(0, still, task="image_to_video", clip=heldout[0], given_frames=1)]
    for measure in fidelity.continued(samples, media, truth, 24):
        assert measure.values == pytest.approx(measure.baselines, abs=0.01)


def test_a_clip_in_which_nothing_moves_is_not_counted(made, media, truth, heldout):
    sample = made(0, truth.pixels(heldout[0].clip_id, media.formats.clip), task="image_to_video", clip=heldout[0])
    names = by_name(fidelity.continued([sample.__class__(**vars(sample) | {"given_frames": 1})], media, truth, 254))
    assert set(names) == {"psnr"}


def test_only_what_was_hidden_counts(made, media, truth, heldout):
    true = truth.pixels(heldout[0].clip_id, media.formats.clip)
    only_hole = np.zeros_like(true)
    only_hole[:, 4:12, 4:12] = true[:, 4:12, 4:12]
    sample = made(0, only_hole, task="inpainting", clip=heldout[0], region="inpaint_center")
    inside = fidelity.painted([sample], media, truth)
    assert [measure.name for measure in inside] == ["psnr_where_hidden", "psnr_where_hidden_beside_edge"]
    for measure in inside:
        assert measure.values[0] > measure.baselines[0] + 5
    wrong = made(1, only_hole, task="outpainting", clip=heldout[0], region="outpaint_center")
    for measure in fidelity.painted([wrong], media, truth):
        assert measure.values[0] < measure.baselines[0]


def test_showing_the_condition_again_is_no_better_than_its_baseline(made, media, truth, heldout):
    shown = regions.condition(truth.pixels(heldout[0].clip_id, media.formats.clip), "inpaint_center")
    sample = made(0, shown, task="inpainting", clip=heldout[0], region="inpaint_center")
    edge = by_name(fidelity.painted([sample], media, truth))["psnr_where_hidden_beside_edge"]
    assert edge.values == pytest.approx(edge.baselines, abs=0.01)


def test_a_larger_version_stands_beside_both_bicubics(made, media, truth, heldout):
    clip = heldout[0]
    base = truth.reconstruction(clip.clip_id, media.formats.clip)
    large = truth.pixels(clip.clip_id, media.formats.clip.scaled(4))
    samples = [
        made(0, base, task="super_resolution", name="a", clip=clip),
        made(0, large, task="super_resolution", name="a-x4", clip=clip, stage="super_resolution"),
    ]
    assert fidelity.enlarged(samples, media, truth, 2) == []
    found = by_name(fidelity.enlarged(samples, media, truth, 4))
    tokens, pixels = found["psnr_x4"], found["psnr_x4_beside_true_pixels"]
    assert tokens.values == pixels.values
    assert tokens.values[0] > pixels.baselines[0] > tokens.baselines[0]
    assert pixels.baseline_name == "bicubic of the true pixels"
    agreement = found["detail_agreement_x4"]
    assert agreement.values[0] > 0.8 > 0.3 > agreement.baselines[0]


def test_a_picture_that_is_only_an_enlargement_has_next_to_no_detail(truth, heldout, media):
    true = truth.pixels(heldout[0].clip_id, media.formats.clip.scaled(2))
    enlarged = crop_and_resize(truth.pixels(heldout[0].clip_id, media.formats.clip), *true.shape[1:3])
    assert np.square(fidelity.detail(enlarged, 2)).mean() < 0.3 * np.square(fidelity.detail(true, 2)).mean()


def test_structure_that_is_kept_agrees_and_another_clips_does_not(made, media, truth, heldout):
    clips = [heldout[0], heldout[2]]  # the one goes left, the other right
    samples = [
        made(i, truth.pixels(clip.clip_id, media.formats.clip), task="stylization", clip=clip)
        for i, clip in enumerate(clips)
    ]
    found = by_name(fidelity.restyled(samples, media, truth))
    flow, depth = found["flow_agreement[farneback]"], found["depth_agreement[border_contrast]"]
    assert min(flow.values) > 0.8
    assert flow.chance < 0.3
    assert min(depth.values) > 0.9
    assert depth.reconstruction_ceiling > 0.5


def test_shapes_of_larger_clips_are_those_of_their_format(truth, heldout, media):
    big = media.formats.clip.scaled(4)
    assert truth.pixels(heldout[0].clip_id, big).shape == (5, 64, 64, 3)
    small = crop_and_resize(truth.pixels(heldout[0].clip_id, big), 16, 16)
    assert np.abs(small.astype(int) - truth.pixels(heldout[0].clip_id, media.formats.clip)).max() <= 2
