"""Copies are found, other clips are not, and what is compared grows with the copies."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from components.corpus import ops as corpus_ops
from components.corpus.plan import PlannedFile
from components.filter import duplicates, search
from components.media import pixels, video
from components.media.arrays import Pixels

DISTANCE = 0.057


def rendered(seed: int = 1, **change: Any) -> Pixels:
    item = replace(PlannedFile("", "circle", "red", "left", False, "train", "", False, False, "none", seed), **change)
    path = corpus_ops.track(item, 1.0, np.linspace(0, 1, 17, dtype=np.float32))
    return corpus_ops.frames(item, path, 128, 128)


def filmed(seed: int = 0) -> Pixels:
    """A camera over soft spots, as rich as a real image."""
    noise = np.random.default_rng(seed).integers(0, 256, (10, 20, 3), np.uint8)
    wide = cv2.resize(noise, (384, 192), interpolation=cv2.INTER_CUBIC)
    return np.stack([wide[:, 8 * t : 8 * t + 192] for t in range(17)])


def pairs(*clips: Pixels) -> list[tuple[int, int]]:
    prints = np.stack([duplicates.fingerprint(clip) for clip in clips])
    return search.near_duplicates(prints, ["video"] * len(clips), DISTANCE)


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "encoded again": lambda clip: video.decode(video.encode_mp4(clip, fps=8, crf=30), fps=8, frames=17),
    "scaled": lambda clip: pixels.crop_and_resize(clip, 96, 96),
    "cut in the middle": lambda clip: clip[:, 5:-5, 5:-5],
    "cut at a corner": lambda clip: clip[:, 9:, 9:],
    "brighter": lambda clip: np.clip(clip.astype(np.float32) * 1.15, 0, 255).astype(np.uint8),
    "darker": lambda clip: np.clip(clip.astype(np.float32) * 0.8, 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES.keys())
def test_a_copy_is_a_near_duplicate(change: Callable[[Pixels], Pixels]) -> None:
    clip = filmed()
    assert pairs(clip, change(clip)) == [(0, 1)]
    assert pairs(change(clip), clip) == [(0, 1)]


@pytest.mark.parametrize(
    "change", [{"motion": "right"}, {"motion": "up"}, {"color": "blue"}, {"shape": "square"}, {"seed": 2}]
)
def test_the_same_scene_with_another_motion_color_or_shape_is_none(change: dict[str, Any]) -> None:
    assert pairs(rendered(), rendered(**change)) == []


def test_other_spans_of_one_still_camera_are_none() -> None:
    ground = filmed()[0]
    first, second = np.stack([ground] * 17), np.stack([ground] * 17)
    for t in range(17):
        first[t, 60:100, 4 * t : 4 * t + 40] = 255
        second[t, 8 * t : 8 * t + 40, 120:160] = 255
    assert pairs(first, second) == []


def test_a_clip_and_its_reversal_are_none_and_a_picture_is_never_one_of_a_video() -> None:
    clip = rendered()
    assert pairs(clip, clip[::-1]) == []
    same = np.stack([duplicates.fingerprint(clip[:1])] * 2)
    assert search.near_duplicates(same, ["video", "image"], DISTANCE) == []
    assert search.near_duplicates(same, ["image", "image"], DISTANCE) == [(0, 1)]


def test_far_fewer_pairs_are_compared_than_there_are() -> None:
    prints = np.stack([duplicates.fingerprint(filmed(seed)) for seed in range(60)])
    compared = sum(map(len, search.candidates(prints, np.zeros(60, np.int64))))
    assert compared < 0.05 * 60 * 59 / 2


def test_a_fingerprint_is_small_and_no_clips_have_no_pairs() -> None:
    one = duplicates.fingerprint(filmed())
    assert one.shape == (duplicates.FINGERPRINT_BYTES,)
    assert one.nbytes < 2000
    assert search.near_duplicates(np.zeros((0, one.size), np.uint8), [], DISTANCE) == []
