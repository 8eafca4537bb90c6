"""Fingerprints of clips, and how far two of them are apart. Pure.

A fingerprint is small pictures of a few instants. Two clips are near-duplicates if little is left of their difference
once the best small shift, stretch and change of light between them is taken out: of what is seen, of what moves (so
that spans of one still camera are not taken for each other), and of the colours. Copies that were encoded or scaled
again, cut by a few per cent or made brighter pass; the same thing in another motion does not.

Shapes: N clips, P pairs, F instants, H height, W width, K terms of a fit, B bytes.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]

INSTANTS, SIDE_PX, COLOUR_PX = 3, 24, 8
SEEN, COLOURS = INSTANTS * SIDE_PX**2, 2 * COLOUR_PX**2
FINGERPRINT_BYTES = SEEN + COLOURS  # luma of every instant, then both colour differences of the middle one
STEADY_LEVELS = 0.8  # noise of luma, moves and colours, in levels: differences below are none
FARTHEST = 0.11  # what a cut may take of a side, as a share
STEPS = 3  # of the fit
FINE, SOFT = 4, 4.5  # small pictures are softened before they are made, so that they can be shifted by parts of a pixel
FAINTEST, STRONGEST = 0.4, 2.5  # change of contrast


def fingerprint(frames_THWC: Pixels) -> Pixels:
    """Of the frames of a clip, as bytes; a still picture stands for all instants."""
    last = len(frames_THWC) - 1
    instants = [round(place * last / (INSTANTS - 1)) for place in range(INSTANTS)]
    tones = {t: cv2.cvtColor(_small(frames_THWC[t], SIDE_PX), cv2.COLOR_RGB2GRAY) for t in sorted(set(instants))}
    middle = cv2.cvtColor(_small(frames_THWC[last // 2], COLOUR_PX), cv2.COLOR_RGB2YCrCb)
    return np.concatenate([*(tones[t].ravel() for t in instants), middle[..., 1:].transpose(2, 0, 1).ravel()]).astype(
        np.uint8
    )


def seen(prints_NB: Pixels) -> Floats:
    """Luma (N, F, H, W) in levels."""
    return prints_NB[:, :SEEN].reshape(-1, INSTANTS, SIDE_PX, SIDE_PX).astype(np.float32)


def differences(first_PB: Pixels, second_PB: Pixels) -> Floats:
    """How far each pair is apart (P): the greatest of three shares that no fit explains, 0 for the same.

    Either may be cut out of the other, so both ways are tried.
    """
    return np.minimum(_one_way(first_PB, second_PB), _one_way(second_PB, first_PB))


def other_colours(first_PB: Pixels, second_PB: Pixels) -> Floats:
    """About the least that a pair (P) can differ in its colours, whatever the change of light."""
    a_P2HW, b_P2HW = _colours(first_PB), _colours(second_PB)
    gain_P = (a_P2HW * b_P2HW).sum(axis=(1, 2, 3)) / np.maximum(np.square(a_P2HW).sum(axis=(1, 2, 3)), 1)
    gain_P = np.clip(gain_P, FAINTEST, STRONGEST)
    return _share(b_P2HW - gain_P[:, None, None, None] * a_P2HW, b_P2HW)


def _one_way(whole_PB: Pixels, cut_PB: Pixels) -> Floats:
    a_PFHW, b_PFHW = seen(whole_PB), seen(cut_PB)
    fit_PFHW, moves_P4, gain_P = _fitted(a_PFHW, b_PFHW)
    left_PFHW, b_PFHW = _inner(b_PFHW - fit_PFHW), _inner(b_PFHW)
    seen_P = _share(left_PFHW, b_PFHW - b_PFHW.mean(axis=(1, 2, 3), keepdims=True))
    moved_P = _share(np.diff(left_PFHW, axis=1), np.diff(b_PFHW, axis=1))
    a_P2HW, b_P2HW = _warped(_colours(whole_PB), moves_P4), _colours(cut_PB)
    colour_P = _share(_inner(b_P2HW - gain_P[:, None, None, None] * a_P2HW), _inner(b_P2HW))
    return np.maximum(np.maximum(seen_P, moved_P), colour_P).astype(np.float32)


def _fitted(a_PFHW: Floats, b_PFHW: Floats) -> tuple[Floats, Floats, Floats]:
    """The first clips shifted, stretched and lit so that they come nearest to the second; moves (P, 4) and contrast.

    Gauss-Newton steps (Lucas and Kanade 1981), each for all pairs at once.
    """
    moves_P4 = np.zeros((len(a_PFHW), 4), np.float32)  # down, right, and the stretch of both, in half pictures
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
    """The nearest moves that a cut can make: what is left of a picture is smaller, and lies within it."""
    stretch_P2 = np.clip(moves_P4[:, 2:], -FARTHEST, 0)
    return np.concatenate([np.clip(moves_P4[:, :2], stretch_P2, -stretch_P2), stretch_P2], axis=1)


def _warped(a_PFHW: Floats, moves_P4: Floats) -> Floats:
    at = np.linspace(-1, 1, a_PFHW.shape[-1], dtype=np.float32)
    lines_2PHH = [_lines(at + moves_P4[:, axis, None] + moves_P4[:, axis + 2, None] * at) for axis in (0, 1)]
    warped: Floats = lines_2PHH[0][:, None] @ a_PFHW @ lines_2PHH[1][:, None].transpose(0, 1, 3, 2)
    return warped


def _lines(where_PH: Floats) -> Floats:
    """Weights (P, H, H) that read lines between lines (Catmull-Rom); beyond the picture its last line goes on."""
    last = where_PH.shape[-1] - 1
    away = np.abs((np.clip(where_PH, -1, 1)[..., None] + 1) * last / 2 - np.arange(last + 1))
    near, far = 1.5 * away**3 - 2.5 * away**2 + 1, -0.5 * away**3 + 2.5 * away**2 - 4 * away + 2
    weights = np.where(away < 1, near, np.where(away < 2, far, 0))
    lines: Floats = (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)
    return lines


def _inner(x_PFHW: Floats) -> Floats:
    """Without the outermost line, which a cut takes away."""
    return x_PFHW[:, :, 1:-1, 1:-1]


def _share(left: Floats, whole: Floats) -> Floats:
    """How much of the whole is left, by root mean squares above the noise."""
    left_P, whole_P = (np.sqrt(np.square(each).mean(axis=tuple(range(1, each.ndim)))) for each in (left, whole))
    share: Floats = np.maximum(left_P - STEADY_LEVELS, 0) / np.maximum(whole_P, STEADY_LEVELS)
    return share


def _colours(prints_NB: Pixels) -> Floats:
    """Colour differences of the middle instant (N, 2, H, W) in levels; 0 is grey."""
    return prints_NB[:, SEEN:].reshape(-1, 2, COLOUR_PX, COLOUR_PX).astype(np.float32) - 128


def _small(frame_HWC: Pixels, side_px: int) -> Pixels:
    fine = cv2.resize(frame_HWC, (side_px * FINE, side_px * FINE), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(fine, (0, 0), SOFT, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(soft, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)
