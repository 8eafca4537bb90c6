from dataclasses import replace

import pytest
import torch

from components.language_model.sequence import Shape, layout
from components.language_model.tasks import TASKS
from components.language_model.vocabulary import SPECIALS, Vocabulary

PAPER = Vocabulary(18, 4, 1024)
CLIP = Shape("clip", (5, 16, 16), 106)
LONG_PORTRAIT = Shape("long_portrait", (11, 28, 16), 256)


def names(plan):
    """The sequence in words, each part once."""
    words = {number: name for name, number in SPECIALS.items()}
    written = []
    for segment in plan.segments:
        written += (
            [words[i] for i in plan.ids[segment.start : segment.stop].tolist()]
            if segment.part == "marker"
            else [segment.part]
        )
    return " ".join(written)


def test_video_and_audio_from_text_take_1777_positions_at_paper_size():
    task = replace(TASKS["text_to_video"], makes_audio=True)
    plan = layout(task, CLIP, 0, 64, PAPER)
    assert plan.tokens == 1777
    assert names(plan) == (
        "<bos> <visual> <bot_i> text <eot_i> <bov_o> visual_out <eov_o> <boa_o> audio_out <eoa_o> <eos>"
    )


@pytest.mark.parametrize(
    ("latent", "tokens"), [((1, 16, 16), 256), ((5, 28, 16), 2240), ((11, 16, 16), 2816), ((11, 28, 16), 4928)]
)
def test_a_shape_takes_the_papers_number_of_positions(latent: tuple[int, int, int], tokens: int):
    task = TASKS["unconditioned_image" if latent[0] == 1 else "unconditioned_video"]
    plan = layout(task, Shape("clip", latent, 0), 0, 64, PAPER)
    assert sum(run.length for run in plan.spans) == tokens
    assert plan.tokens == tokens + 5  # <bos> <task> <bov_o> <eov_o> <eos>


def test_parts_that_a_task_lacks_are_left_out_with_their_markers():
    assert names(layout(TASKS["unconditioned_video"], CLIP, 0, 64, PAPER)) == (
        "<bos> <visual> <bov_o> visual_out <eov_o> <eos>"
    )
    assert names(layout(TASKS["video_to_audio"], LONG_PORTRAIT, 11, 64, PAPER)) == (
        "<bos> <audio> <bov_i> frames <eov_i> <res_portrait> <res_long> <boa_o> audio_out <eoa_o> <eos>"
    )
    assert names(layout(TASKS["stylization"], CLIP, 1, 64, PAPER)) == (
        "<bos> <stylized> <bot_i> text <eot_i> <bov_i> frames structure <eov_i> <bov_o> visual_out <eov_o> <eos>"
    )
    assert names(layout(TASKS["audio_video_continuation"], CLIP, 1, 64, PAPER)) == (
        "<bos> <audio_visual> <bov_i> frames <eov_i> <boa_i> audio <eoa_i> "
        "<bov_o> visual_out <eov_o> <boa_o> audio_out <eoa_o> <eos>"
    )


def test_a_picture_from_text_may_go_on_into_video():
    plan = layout(TASKS["text_to_image"], Shape("image", (1, 16, 16), 0), 0, 64, PAPER)
    assert SPECIALS["<eos>"] not in plan.ids.tolist()


def test_given_frames_are_not_output_again():
    plan = layout(TASKS["frame_prediction"], CLIP, 2, 64, PAPER)
    lengths = {segment.part: segment.length for segment in plan.segments if segment.part != "marker"}
    assert lengths == {"frames": 2 * 256, "visual_out": 3 * 256}
    assert plan.positions[plan.spans[0].start].tolist()[1:] == [3, 1, 1, 0, 0]


def test_a_continuation_hears_as_much_as_it_sees():
    assert CLIP.audio_frames_until(1) == 6  # one of 17 frames, of 106
    plan = layout(TASKS["audio_video_continuation"], CLIP, 1, 64, PAPER)
    assert sum(run.length for run in plan.spans if run.modality == "audio") == 4 * 100


@pytest.mark.parametrize(("task", "given"), [("text_to_video", 1), ("image_to_video", 0), ("frame_prediction", 5)])
def test_frames_that_a_task_cannot_take_are_refused(task: str, given: int):
    with pytest.raises(ValueError, match="latent frames given"):
        layout(TASKS[task], CLIP, given, 64, PAPER)


def test_the_prefix_sees_itself_both_ways_and_the_output_sees_the_past():
    plan = layout(TASKS["image_to_video"], Shape("clip", (2, 2, 2), 0), 1, 4, PAPER)
    mask, prefix = plan.mask(), plan.prefix
    assert mask[:prefix, :prefix].all()
    assert not mask[:prefix, prefix:].any()
    assert torch.equal(mask[prefix:], torch.ones_like(mask).tril()[prefix:])


def test_empty_text_positions_are_seen_by_nobody():
    plan = layout(TASKS["text_to_video"], CLIP, 0, 4, PAPER)
    filled = plan.filled(torch.tensor([0, 3]))
    assert filled[0].sum() == plan.tokens - 4
    assert filled[1].sum() == plan.tokens - 1


def test_an_output_is_no_distance_from_the_same_code_in_a_condition():
    plan = layout(TASKS["inpainting"], CLIP, 0, 4, PAPER)
    query, key = plan.coordinates()
    condition = next(segment for segment in plan.segments if segment.part == "masked")
    output = next(segment for segment in plan.segments if segment.part == "visual_out")
    before = slice(output.start - 1, output.stop - 1)
    assert torch.equal(query[before, 1:], key[condition.start : condition.stop, 1:])
    assert key[condition.start, 1:].tolist() == [1, 1, 1]


def test_audio_stands_at_the_latent_frame_that_shows_it():
    plan = layout(TASKS["video_to_audio"], CLIP, CLIP.latent[0], 4, PAPER)
    _, key = plan.coordinates()
    frames = 1 + 4 * (CLIP.latent[0] - 1)
    for run in plan.spans:
        for number, time in enumerate(key[run.start : run.start + run.length, 1].tolist()):
            middle = (number + 0.5) / CLIP.audio_frames * frames  # in video frames
            shown = 1 if middle < 1 else 2 + (middle - 1) // 4
            assert abs(time - shown) <= 0.5
