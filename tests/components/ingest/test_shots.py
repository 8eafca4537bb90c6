"""Cuts are found to the frame; what is no cut is let pass."""

import csv
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame

from components.ingest.shots import Shots
from components.media import video

MEDIA = Path(__file__).parents[4] / "shared" / "media" / "videos"
ANNOTATED = Path(__file__).with_name("shots.csv")  # by eye; a dissolve by its first mixture, and the first frame after
KNOWN_FALSE = {("rooftop_cranes.mp4", 18)}  # a phone changes its lens within a take, as it does at frames 45 and 276


def shots() -> Shots:
    return Shots(change=22, ratio=1.8)


def frames(pictures: np.ndarray, fps: int = 24) -> list[VideoFrame]:
    kind = "rgba" if pictures.shape[-1] == 4 else "rgb24"
    made = [VideoFrame.from_ndarray(np.ascontiguousarray(pixels), kind) for pixels in pictures]
    for index, frame in enumerate(made):
        frame.pts, frame.time_base = index, Fraction(1, fps)
    return made


def starts(given: Iterable[VideoFrame]) -> list[int]:
    """Numbers of the frames with which another shot begins."""
    found = shots()
    times_s = [frame.time for frame in found.watch(given)]
    found.end()
    numbers = [found.number(time_s) for time_s in times_s]
    return [index for index in range(1, len(numbers)) if numbers[index] != numbers[index - 1]]


def scene(count: int, seed: int, step_px: int = 1) -> np.ndarray:
    """A view that pans over a landscape of its own."""
    ground = np.random.default_rng(seed).integers(0, 255, (6, 40, 3), np.uint8)
    wide = np.kron(ground, np.ones((12, 12, 1), np.uint8))
    return np.stack([wide[:, step_px * index : step_px * index + 128] for index in range(count)])


@pytest.mark.parametrize("cut", [1, 2, 12, 22, 23])
def test_a_cut_is_found_to_the_frame_wherever_it_lies(cut: int) -> None:
    assert starts(frames(np.concatenate([scene(cut, 1), scene(24 - cut, 2)]))) == [cut]


def test_a_fade_a_fast_camera_and_a_still_are_no_cuts() -> None:
    fade = np.stack([np.full((72, 128, 3), 8 * level, np.uint8) for level in range(30)])
    assert starts(frames(fade)) == []
    assert starts(frames(scene(24, 1, step_px=12))) == []
    assert starts(frames(np.repeat(scene(1, 1), 24, axis=0))) == []


@pytest.mark.parametrize("length", [8, 24, 48])
def test_a_dissolve_is_a_shot_of_its_own(length: int) -> None:
    share = np.clip((np.arange(96) - 23) / (length + 1), 0, 1)[:, None, None, None]
    first, second = scene(1, 1), scene(1, 2)  # they hold still: what moves is found less often, see benchmarks/shots.py
    assert starts(frames((first * (1 - share) + second * share).round().astype(np.uint8))) == [24, 24 + length]
    black = np.zeros_like(first)
    fade = starts(frames((black * (1 - share) + second * share).round().astype(np.uint8)))
    assert np.abs(np.array(fade) - [24, 24 + length]).max() <= 2  # the last hundredths of a mixture are not seen


def test_what_changes_slowly_without_another_shot_is_no_dissolve() -> None:
    share = np.clip((np.arange(96) - 23) / 25, 0, 1)[:, None, None, None]
    shown, title = scene(1, 1), scene(1, 1)
    title[:, 20:40] = 255
    assert starts(frames((shown * (1 - share) + title * share).round().astype(np.uint8))) == []
    assert starts(frames((shown * (1 - 0.7 * share)).round().astype(np.uint8))) == []  # the light goes out
    assert starts(frames(scene(96, 1, step_px=3))) == []


def test_frames_that_are_shown_again_change_nothing() -> None:
    fast = scene(20, 1, step_px=12)
    assert starts(frames(np.repeat(fast, 2, axis=0))) == []
    assert starts(frames(np.repeat(np.concatenate([fast, scene(20, 2)]), 3, axis=0))) == [60]


def test_what_changes_where_nobody_sees_it_is_no_cut() -> None:
    hidden = np.concatenate([scene(12, 1), scene(12, 2)])
    clear = np.concatenate([hidden, np.zeros((*hidden.shape[:3], 1), np.uint8)], axis=3)
    assert starts(frames(clear)) == []
    clear[..., 3] = 255
    assert starts(frames(clear)) == [12]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_every_frame_passes_once_and_in_order(count: int) -> None:
    given = frames(scene(count, 1)) if count else []
    assert list(shots().watch(given)) == given


def test_what_is_known_of_an_instant_does_not_change_and_a_still_does_not_keep_it_waiting() -> None:
    given = frames(np.concatenate([scene(10, 1), np.repeat(scene(1, 2), 60, axis=0), scene(10, 3)]))
    found, numbers, behind = shots(), {}, []
    for index, _ in enumerate(found.watch(given)):
        numbers |= {frame.time: found.number(frame.time) for frame in given[: index + 1] if found.knows(frame.time)}
        behind.append(index + 1 - len(numbers))
    assert max(behind) <= 24 * 2 + 25 + 3
    found.end()
    assert all(found.number(time_s) == number for time_s, number in numbers.items())
    assert found.number(given[-1].time) == 2


@pytest.mark.media
@pytest.mark.skipif(not MEDIA.is_dir(), reason="the real media are not here")
def test_boundaries_of_real_clips_are_found_within_one_frame_and_none_where_there_is_none() -> None:
    with ANNOTATED.open() as file:
        wanted = {(row["file"], int(row["first_frame"])) for row in csv.DictReader(file)}
    found = set()
    for path in sorted(MEDIA.iterdir()):
        with av.open(str(path)) as container:
            found |= {(path.name, index) for index in starts(container.decode(video.video_stream(container)))}
    near = {(name, cut): {(name, cut - 1), (name, cut), (name, cut + 1)} & found for name, cut in wanted}
    assert {cut for cut, hits in near.items() if not hits} == set()
    assert found - set().union(*near.values()) == KNOWN_FALSE
