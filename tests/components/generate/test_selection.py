from dataclasses import replace
from pathlib import Path

import pytest

from components.common.formats import Formats
from components.filter.combinations import combination
from components.filter.data import Clips
from components.generate.config import SampleCounts
from components.generate.selection import Selection
from components.language_model.tasks import TASKS


def counts_of(each: int) -> SampleCounts:
    return SampleCounts(dict.fromkeys(TASKS, each), *[each] * 4)


@pytest.fixture
def selection(kept_clips: Path, formats: Formats) -> Selection:
    return Selection(Clips(kept_clips), formats)


def test_only_held_out_clips_are_asked_for(selection: Selection):
    rows = {one.row for one in selection.all(counts_of(3), []) if one.row >= 0}
    assert rows
    assert all(selection.clips[row].split == "heldout" for row in rows)


def test_what_was_never_trained_together_comes_first(selection: Selection, formats: Formats):
    for row in selection.held_out:
        selection.trained.known.discard(combination(selection.clips[row].attributes))
    chosen = selection.of_task(TASKS["text_to_video"], formats.clip, 4)
    assert chosen[0].unseen
    assert [one.unseen for one in chosen] == sorted([one.unseen for one in chosen], reverse=True)


def test_a_caption_is_asked_for_again_only_when_all_have_been(selection: Selection, formats: Formats):
    chosen = selection.of_task(TASKS["text_to_video"], formats.clip, 5)
    prompts = [one.prompt for one in chosen]
    once = len(set(prompts))
    assert len(prompts) == 5
    assert len(set(prompts[:once])) == once
    assert prompts[once:] == prompts[: len(prompts) - once]


def test_a_clip_fits_its_task_and_format(selection: Selection, formats: Formats):
    for chosen in selection.of_task(TASKS["video_to_audio"], formats.clip, 9):
        clip = selection.clips[chosen.row]
        assert (clip.audio_state, clip.orientation, clip.kind) == ("audible", "square", "video")
        assert chosen.prompt == ""
    for chosen in selection.of_task(TASKS["text_to_video"], formats.clip_portrait, 2):
        assert selection.clips[chosen.row].orientation == "portrait"
    for chosen in selection.of_task(TASKS["text_to_video"], formats.long, 2):
        assert selection.clips[chosen.row].frames == 41


def test_nothing_is_taken_of_a_clip_where_nothing_is_given(selection: Selection, formats: Formats):
    chosen = selection.of_task(TASKS["unconditioned_video"], formats.clip, 2)
    assert [(one.row, one.prompt) for one in chosen] == [(-1, ""), (-1, "")]


def test_added_prompts_follow_those_of_the_same_task_and_format(selection: Selection):
    none = counts_of(0)
    counts = replace(none, tasks=none.tasks | {"text_to_video": 2}, text_to_video_portrait=1)
    chosen = selection.all(counts, ["a thing of my own"])
    assert [one.fmt.name for one in chosen] == ["clip", "clip", "clip", "clip_portrait"]
    assert (chosen[2].prompt, chosen[2].row, chosen[2].unseen) == ("a thing of my own", -1, False)


def test_no_fitting_clip_is_no_sample(selection: Selection, formats: Formats):
    selection.held_out = []
    assert selection.of_task(TASKS["image_to_video"], formats.clip, 3) == []
