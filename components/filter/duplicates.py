"""Fingerprints of clips, and the distance of two fingerprints. Pure.

A fingerprint is a few thumbnails of a clip. Two clips are near-duplicates if little of their difference remains after
the best small shift, stretch and change of light between them: in luma, in its change over time (so that spans of one
static camera are not mistaken for each other), and in color. Clips that were re-encoded, rescaled, cropped by a few
per cent or brightened match; the same scene with another motion does not.

Shapes: N clips, P pairs, F instants, H height, W width, K terms of a fit, B bytes.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from components.media.arrays import Pixels

Floats = npt.NDArray[np.floating[Any]]

INSTANTS, SIDE_PX, COLOR_PX = 3, 24, 8
LUMA, COLORS = INSTANTS * SIDE_PX**2, 2 * COLOR_PX**2
FINGERPRINT_BYTES = LUMA + COLORS  # luma of every instant, then both color differences of the middle one
STEADY_LEVELS = 0.8  # noise of luma, motion and color, in levels: smaller differences are ignored
FARTHEST = 0.11  # share of a side that a crop may remove
STEPS = 3  # of the fit
FINE, SOFT = 4, 4.5  # scale and blur before thumbnails are made, so that they can be shifted by parts of a pixel
FAINTEST, STRONGEST = 0.4, 2.5  # change of contrast


def fingerprint(frames_THWC: Pixels) -> Pixels:
    """Return the fingerprint of a clip's frames, as bytes (B); an image stands for all instants."""
    last = len(frames_THWC) - 1
    instants = [round(number * last / (INSTANTS - 1)) for number in range(INSTANTS)]
    tones = {t: cv2.cvtColor(_small(frames_THWC[t], SIDE_PX), cv2.COLOR_RGB2GRAY) for t in sorted(set(instants))}
    middle = cv2.cvtColor(_small(frames_THWC[last // 2], COLOR_PX), cv2.COLOR_RGB2YCrCb)
    return np.concatenate([*(tones[t].ravel() for t in instants), middle[..., 1:].transpose(2, 0, 1).ravel()]).astype(
        np.uint8
    )


def luma(prints_NB: Pixels) -> Floats:
    """Return luma (N, F, H, W) in levels."""
    return prints_NB[:, :LUMA].reshape(-1, INSTANTS, SIDE_PX, SIDE_PX).astype(np.float32)


def differences(first_PB: Pixels, second_PB: Pixels) -> Floats:
    """Return the distance of each pair (P): the greatest of three unexplained shares, 0 for equal clips.

    Either may be a crop of the other, so both directions are tried.
    """
    return np.minimum(_one_way(first_PB, second_PB), _one_way(second_PB, first_PB))


def other_colors(first_PB: Pixels, second_PB: Pixels) -> Floats:
    """Return about the least difference in color that each pair (P) can have under any change of light."""
    a_P2HW, b_P2HW = _colors(first_PB), _colors(second_PB)
    gain_P = (a_P2HW * b_P2HW).sum(axis=(1, 2, 3)) / np.maximum(np.square(a_P2HW).sum(axis=(1, 2, 3)), 1)
    gain_P = np.clip(gain_P, FAINTEST, STRONGEST)
    return _share(b_P2HW - gain_P[:, None, None, None] * a_P2HW, b_P2HW)


def _one_way(whole_PB: Pixels, cut_PB: Pixels) -> Floats:
    a_PFHW, b_PFHW = luma(whole_PB), luma(cut_PB)
    fit_PFHW, moves_P4, gain_P = _fitted(a_PFHW, b_PFHW)
    left_PFHW, b_PFHW = _inner(b_PFHW - fit_PFHW), _inner(b_PFHW)
    luma_P = _share(left_PFHW, b_PFHW - b_PFHW.mean(axis=(1, 2, 3), keepdims=True))
    moved_P = _share(np.diff(left_PFHW, axis=1), np.diff(b_PFHW, axis=1))
    a_P2HW, b_P2HW = _warped(_colors(whole_PB), moves_P4), _colors(cut_PB)
    color_P = _share(_inner(b_P2HW - gain_P[:, None, None, None] * a_P2HW), _inner(b_P2HW))
    return np.maximum(np.maximum(luma_P, moved_P), color_P).astype(np.float32)


def _fitted(a_PFHW: Floats, b_PFHW: Floats) -> tuple[Floats, Floats, Floats]:
    """Fit the first clips to the second by shift, stretch and light; also return moves (P, 4) and contrast (P).

    Gauss-Newton steps (Lucas and Kanade 1981), each for all pairs at once.
    """
    moves_P4 = np.zeros((len(a_PFHW), 4), np.float32)  # down, right, and the stretch of both, in half images
    gain_P = np.ones(len(a_PFHW), np.float32)
    b_PX = _inner(b_PFHW).reshape(len(b_PFHW), -1)
    at = np.linspace(-1, 1, SIDE_PX, dtype=np.float32)
    half_px = (SIDE_PX - 1) / 2
    for _ in range(STEPS):
        warped_PFHW = _warped(a_PFHW, moves_P4)
        down_PFHW = np.asarray(np.gradient(warped_PFHW, axis=2)) * half_px
        right_PFHW = np.asarray(np.gradient(warped_PFHW, axis=3)) * half_px
        terms = [down_PFHW, right_PFHW, down_PFHW * at[:, None], right_PFHW * at, warped_PFHW, np.ones_like(a_PFHW)]
        terms_PKX = np.stack([_inner(term).reshape(len(a_PFHW), -1) for term in terms], axis=1)
        square_PKK = terms_PKX @ terms_PKX.transpose(0, 2, 1) + np.eye(len(terms), dtype=np.float32)
        chosen_PK = np.linalg.solve(square_PKK, terms_PKX @ b_PX[..., None])[..., 0]
        gain_P = np.clip(chosen_PK[:, 4], FAINTEST, STRONGEST)
        moves_P4 = _within(moves_P4 + chosen_PK[:, :4] / gain_P[:, None])
    fit_PFHW = gain_P[:, None, None, None] * _warped(a_PFHW, moves_P4)
    offset_P = (b_PX - _inner(fit_PFHW).reshape(b_PX.shape)).mean(axis=1)
    return np.clip(fit_PFHW + offset_P[:, None, None, None], 0, 255), moves_P4, gain_P


def _within(moves_P4: Floats) -> Floats:
    """Return the nearest moves that a crop can make: the crop is smaller than the image and within it."""
    stretch_P2 = np.clip(moves_P4[:, 2:], -FARTHEST, 0)
    return np.concatenate([np.clip(moves_P4[:, :2], stretch_P2, -stretch_P2), stretch_P2], axis=1)


def _warped(a_PFHW: Floats, moves_P4: Floats) -> Floats:
    at = np.linspace(-1, 1, a_PFHW.shape[-1], dtype=np.float32)
    lines_2PHH = [_lines(at + moves_P4[:, axis, None] + moves_P4[:, axis + 2, None] * at) for axis in (0, 1)]
    warped: Floats = lines_2PHH[0][:, None] @ a_PFHW @ lines_2PHH[1][:, None].transpose(0, 1, 3, 2)
    return warped


def _lines(where_PH: Floats) -> Floats:
    """Return weights (P, H, H) that interpolate between lines (Catmull-Rom); the last line extends the image."""
    last = where_PH.shape[-1] - 1
    away = np.abs((np.clip(where_PH, -1, 1)[..., None] + 1) * last / 2 - np.arange(last + 1))
    near, far = 1.5 * away**3 - 2.5 * away**2 + 1, -0.5 * away**3 + 2.5 * away**2 - 4 * away + 2
    weights = np.where(away < 1, near, np.where(away < 2, far, 0))
    lines: Floats = (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)
    return lines


def _inner(x_PFHW: Floats) -> Floats:
    """Remove the outermost lines, which a crop removes."""
    return x_PFHW[:, :, 1:-1, 1:-1]


def _share(left: Floats, whole: Floats) -> Floats:
    """Return the unexplained share of the whole, by root mean squares above the noise."""
    left_P, whole_P = (np.sqrt(np.square(each).mean(axis=tuple(range(1, each.ndim)))) for each in (left, whole))
    share: Floats = np.maximum(left_P - STEADY_LEVELS, 0) / np.maximum(whole_P, STEADY_LEVELS)
    return share


def _colors(prints_NB: Pixels) -> Floats:
    """Return the color differences of the middle instant (N, 2, H, W) in levels; 0 is gray."""
    return prints_NB[:, LUMA:].reshape(-1, 2, COLOR_PX, COLOR_PX).astype(np.float32) - 128


def _small(frame_HWC: Pixels, side_px: int) -> Pixels:
    fine = cv2.resize(frame_HWC, (side_px * FINE, side_px * FINE), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(fine, (0, 0), SOFT, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(soft, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)
