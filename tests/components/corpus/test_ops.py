from dataclasses import replace

import numpy as np
import pytest

from components.corpus import ops
from components.corpus.plan import COLORS, MOTIONS, SHAPES, PlannedFile

PROGRESS = np.linspace(0, 1, 9, endpoint=False, dtype=np.float32)
ITEM = PlannedFile("", "circle", "red", "left", False, "train", "", False, False, "audible", 5)


def ink(item: PlannedFile, height_px: int = 32, width_px: int = 32) -> np.ndarray:
    """How far every pixel is from the dull ground, (T, H, W)."""
    path = ops.track(item, height_px / width_px, PROGRESS)
    frames = ops.frames(item, path, height_px, width_px).astype(float)
    return np.abs(frames - frames[:1, :1, :1]).sum(axis=-1) > 120


def center(mask_THW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    weights = mask_THW.sum(axis=(1, 2))
    rows, columns = np.arange(mask_THW.shape[1]), np.arange(mask_THW.shape[2])
    return (mask_THW.sum(axis=2) @ rows) / weights, (mask_THW.sum(axis=1) @ columns) / weights


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("motion", MOTIONS)
def test_the_shape_does_what_the_caption_says(shape: str, motion: str) -> None:
    mask = ink(replace(ITEM, shape=shape, motion=motion, color="white"))
    rows, columns = center(mask)
    area = mask.sum(axis=(1, 2))
    moved = {"left": -columns, "right": columns, "up": -rows, "down": rows, "grows": area, "shrinks": -area}[motion]
    assert (np.diff(moved) > 0).all()
    assert moved[-1] - moved[0] > 6


@pytest.mark.parametrize("color", COLORS)
def test_the_color_is_what_the_caption_says(color: str) -> None:
    item = replace(ITEM, color=color, motion="up")
    path = ops.track(item, 1.0, PROGRESS[:1])
    picture = ops.frames(item, path, 64, 64)[0]
    middle = picture[int(path.y[0] * 64), int(path.x[0] * 64)].astype(int)
    distances = {name: np.abs(middle - np.array(rgb)).sum() for name, rgb in ops.RGB.items()}
    assert min(distances, key=lambda name: distances[name]) == color


def test_shapes_are_large_and_differ() -> None:
    masks = {shape: ink(replace(ITEM, shape=shape, motion=""))[0] for shape in SHAPES}
    assert all(mask.sum() > 80 for mask in masks.values())
    for one in SHAPES:
        for other in SHAPES:
            if one != other:
                assert (masks[one] ^ masks[other]).sum() > 0.15 * masks[one].sum()


def test_an_upright_picture_moves_further_up() -> None:
    rows, _ = center(ink(replace(ITEM, motion="up"), 56, 32))
    assert rows[0] - rows[-1] > 12


def loudness_and_pitch(item: PlannedFile) -> tuple[np.ndarray, np.ndarray]:
    """Root mean square and zero crossings of eight slices of two seconds."""
    progress = np.linspace(0, 1, 16000, endpoint=False, dtype=np.float32)
    slices = ops.audio(item, ops.track(item, 1.0, progress), 8000).reshape(8, -1)
    return np.sqrt((slices**2).mean(axis=1)), (np.diff(np.sign(slices), axis=1) != 0).sum(axis=1)


def test_sound_follows_the_picture() -> None:
    for motion, way in (("up", 1), ("down", -1)):
        _, pitch = loudness_and_pitch(replace(ITEM, motion=motion))
        assert way * (pitch[-1] - pitch[0]) > 0.4 * min(pitch)
    for motion, way in (("grows", 1), ("shrinks", -1)):
        loudness, _ = loudness_and_pitch(replace(ITEM, motion=motion))
        assert way * (loudness[-1] - loudness[0]) > 0.1
    assert np.abs(ops.audio(ITEM, ops.track(ITEM, 1.0, PROGRESS), 8000)).max() < 1


def test_every_shape_has_a_timbre_of_its_own() -> None:
    progress = np.linspace(0, 1, 8000, endpoint=False, dtype=np.float32)
    spectra = []
    for shape in SHAPES:
        item = replace(ITEM, shape=shape, motion="left")
        spectrum = np.abs(np.fft.rfft(ops.audio(item, ops.track(item, 1.0, progress), 8000)))
        spectra.append(spectrum / np.linalg.norm(spectrum))
    likeness = np.array(spectra) @ np.array(spectra).T
    assert (likeness - np.eye(len(SHAPES)) < 0.97).all()
