import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from components.common.formats import Formats
from components.filter.data import Clips, Frames
from components.ingest import shards


def test_every_kind_of_clip_is_in_the_made_up_folder(kept_clips: Path, formats: Formats):
    clips = list(Clips(kept_clips))
    assert len(clips) == 14
    assert sum(clip.kind == "image" for clip in clips) == 4
    assert sum(clip.orientation == "portrait" for clip in clips) == 2
    assert sum(clip.frames == formats.long_frames for clip in clips) == 2
    assert sum(clip.caption == "" for clip in clips) == 1
    assert sorted({clip.audio_state for clip in clips if clip.kind == "video"}) == ["audible", "none", "silent"]


def test_reading_by_split_and_by_index_agree(kept_clips: Path):
    both = {clip.clip_id: clip for clip in Clips(kept_clips)}
    train, heldout = Clips(kept_clips, "train"), Clips(kept_clips, "heldout")
    assert len(train) + len(heldout) == len(both)
    for clips in (train, heldout):
        assert [clips[i] for i in range(len(clips))] == list(clips) == clips[:]
        assert all(both[clip.clip_id] == clip and clip.split == clips.split for clip in clips)


def test_pixels_come_in_the_size_that_is_asked_for(kept_clips: Path, formats: Formats):
    clips = Clips(kept_clips)
    for index, clip in enumerate(clips):
        form = formats.of(clip.frames, clip.orientation)
        assert clips.pixels(index, form).shape == (form.frames, form.height_px, form.width_px, 3)
        assert clips.pixels(index, formats.image_portrait).shape == (1, 56, 32, 3)


def test_asking_for_more_frames_than_there_are_names_the_clip(kept_clips: Path, formats: Formats):
    clips = Clips(kept_clips)
    still = next(index for index, clip in enumerate(clips) if clip.kind == "image")
    with pytest.raises(ValueError, match=f"{clips[still].clip_id} has 1 frames, 17 are asked for"):
        clips.pixels(still, formats.clip)


def test_sound_is_as_long_as_the_frames_and_zero_where_there_is_none(kept_clips: Path, formats: Formats):
    clips = Clips(kept_clips)
    for index, clip in enumerate(clips):
        samples = clips.samples(index, clip.frames)
        assert samples.shape == (formats.samples(clip.frames),)
        assert bool(np.abs(samples).max() > 0.1) == (clip.audio_state == "audible")


def test_clips_survive_pickling(kept_clips: Path):
    clips = Clips(kept_clips, "heldout")
    assert list(pickle.loads(pickle.dumps(clips))) == list(clips)


def test_threads_read_the_same_however_few_shards_stay_open(kept_clips: Path, monkeypatch: pytest.MonkeyPatch):
    rows = [Clips(kept_clips).row(index) for index in range(14)]
    monkeypatch.setattr(shards, "OPEN", 1)
    clips = Clips(kept_clips)
    order = [*range(14), *reversed(range(14))] * 8
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(clips.row, order))
    assert len(list(kept_clips.glob("clips-*.parquet"))) > 1
    assert read == [rows[index] for index in order]


def test_cached_frames_stay_below_their_limit_and_are_the_same_frames(kept_clips: Path, formats: Formats):
    clips = Clips(kept_clips)
    one = formats.image.height_px * formats.image.width_px * 3
    frames = Frames(clips, formats.image, cache_bytes=3 * one)
    for _ in range(2):
        for index in range(len(frames)):
            np.testing.assert_array_equal(frames[index], clips.pixels(index, formats.image))
    assert frames.cache.currsize == 3 * one
    assert frames[13] is frames[13]
    assert not frames[13].flags.writeable
