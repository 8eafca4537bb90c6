"""Fingerprints of clips and the pairs among them that show the same. Pure.

A fingerprint is small pictures of a few instants. Two clips are near-duplicates if little is left of their difference
once the best small shift, stretch and change of light between them is taken out: of what is seen, of what moves (so
that spans of one still camera are not taken for each other), and of the colours. Copies that were encoded or scaled
again, cut by a few per cent or made brighter pass; the same thing in another motion does not.

Not all pairs are compared: hashes of the coarsest shapes, in bands, name the candidates (Datar et al. 2004), so that
work grows with the number of clips and of real copies. Of a band's bucket each clip meets no more than the next few.

Shapes: N clips, P pairs, F instants, H height, W width, K terms of a fit, D numbers of a hash.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

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
BANDS, PROJECTIONS, BIN = 32, 6, 0.8  # hashes of a clip, their numbers, and what falls into one bin
WINDOW = 32  # of a bucket's clips that each is compared with
COARSE, ALIKE = 4, 0.6  # waves of the coarsest shapes, and how far these may be apart (opposites: 2)
CHUNK = 512  # pairs that are compared at once: 60 MB
OTHER_COLOURS = 0.25  # share of the colours beyond which a pair needs no closer look


def fingerprint(frames_THWC: Pixels) -> Pixels:
    """Of the frames of a clip, as bytes; a still picture stands for all instants."""
    last = len(frames_THWC) - 1
    instants = [round(place * last / (INSTANTS - 1)) for place in range(INSTANTS)]
    tones = {t: cv2.cvtColor(_small(frames_THWC[t], SIDE_PX), cv2.COLOR_RGB2GRAY) for t in sorted(set(instants))}
    middle = cv2.cvtColor(_small(frames_THWC[last // 2], COLOUR_PX), cv2.COLOR_RGB2YCrCb)
    return np.concatenate([*(tones[t].ravel() for t in instants), middle[..., 1:].transpose(2, 0, 1).ravel()]).astype(
        np.uint8
    )


def near_duplicates(prints_NB: Pixels, kinds: Sequence[str], distance: float) -> list[tuple[int, int]]:
    """All pairs (i < j) of one kind that are found and differ by less than `distance`, sorted."""
    if not len(kinds):
        return []
    of_kind = np.array([sorted(set(kinds)).index(kind) for kind in kinds])
    pairs_P2 = candidates(prints_NB, of_kind)
    pairs_P2 = np.concatenate(
        [
            part_P2[_other_colours(prints_NB[part_P2[:, 0]], prints_NB[part_P2[:, 1]]) < OTHER_COLOURS]
            for part_P2 in (pairs_P2[:0], *_chunks(pairs_P2))
        ]
    )
    near: list[tuple[int, int]] = []
    for part_P2 in _chunks(pairs_P2):
        apart_P = differences(prints_NB[part_P2[:, 0]], prints_NB[part_P2[:, 1]])
        near += [(int(i), int(j)) for i, j in part_P2[apart_P < distance]]
    return near


def _chunks(pairs_P2: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    return [pairs_P2[start : start + CHUNK] for start in range(0, len(pairs_P2), CHUNK)]


def candidates(prints_NB: Pixels, of_kind_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Pairs (P, 2), sorted, that fall into one bucket of at least one band."""
    coarse_ND = _coarse(prints_NB)
    bins_NBD = _bins(coarse_ND)
    found = [np.zeros((0, 2), np.int64)]
    for band in range(BANDS):
        keys_ND = np.column_stack([of_kind_N, bins_NBD[:, band]])
        order = np.lexsort(keys_ND.T)
        ordered = keys_ND[order]
        for ahead in range(1, min(WINDOW, len(order) - 1) + 1):
            same = (ordered[ahead:] == ordered[:-ahead]).all(axis=1)
            if not same.any():
                break
            found.append(np.column_stack([order[:-ahead][same], order[ahead:][same]]))
    pairs_P2 = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    apart_P = np.linalg.norm(coarse_ND[pairs_P2[:, 0]] - coarse_ND[pairs_P2[:, 1]], axis=1)
    alike_P2: npt.NDArray[np.int64] = pairs_P2[apart_P < ALIKE]
    return alike_P2


def differences(first_PB: Pixels, second_PB: Pixels) -> Floats:
    """How far each pair is apart (P): the greatest of three shares that no fit explains, 0 for the same.

    Either may be cut out of the other, so both ways are tried.
    """
    return np.minimum(_one_way(first_PB, second_PB), _one_way(second_PB, first_PB))


def _one_way(whole_PB: Pixels, cut_PB: Pixels) -> Floats:
    a_PFHW, b_PFHW = _seen(whole_PB), _seen(cut_PB)
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


def _coarse(prints_NB: Pixels) -> Floats:
    """The coarsest shapes of three instants (N, D), whatever the light; of length 1 unless next to nothing is seen."""
    stills_NFHW = _seen(prints_NB)[:, :: INSTANTS // 2]
    coarse_ND = dctn(stills_NFHW, axes=(2, 3), norm="ortho")[:, :, :COARSE, :COARSE].reshape(len(prints_NB), -1)
    coarse_ND[:, :: COARSE**2] = 0  # the light of each still
    shapes: Floats = coarse_ND / np.maximum(np.linalg.norm(coarse_ND, axis=1, keepdims=True), SIDE_PX)
    return shapes


def _bins(coarse_ND: Floats) -> npt.NDArray[np.int64]:
    """Hashes (N, BANDS, PROJECTIONS): random lines cut into bins."""
    random = np.random.default_rng(0)
    lines_DX = random.standard_normal((coarse_ND.shape[1], BANDS * PROJECTIONS))
    offsets_X = random.uniform(0, BIN, BANDS * PROJECTIONS)
    bins_NX = np.floor((coarse_ND @ lines_DX + offsets_X) / BIN).astype(np.int64)
    return bins_NX.reshape(-1, BANDS, PROJECTIONS)


def _other_colours(first_PB: Pixels, second_PB: Pixels) -> Floats:
    """About the least that a pair (P) can differ in its colours, whatever the change of light."""
    a_P2HW, b_P2HW = _colours(first_PB), _colours(second_PB)
    gain_P = (a_P2HW * b_P2HW).sum(axis=(1, 2, 3)) / np.maximum(np.square(a_P2HW).sum(axis=(1, 2, 3)), 1)
    gain_P = np.clip(gain_P, FAINTEST, STRONGEST)
    return _share(b_P2HW - gain_P[:, None, None, None] * a_P2HW, b_P2HW)


def _colours(prints_NB: Pixels) -> Floats:
    """Colour differences of the middle instant (N, 2, H, W) in levels; 0 is grey."""
    return prints_NB[:, SEEN:].reshape(-1, 2, COLOUR_PX, COLOUR_PX).astype(np.float32) - 128


def _seen(prints_NB: Pixels) -> Floats:
    """Luma (N, F, H, W) in levels."""
    return prints_NB[:, :SEEN].reshape(-1, INSTANTS, SIDE_PX, SIDE_PX).astype(np.float32)


def _small(frame_HWC: Pixels, side_px: int) -> Pixels:
    fine = cv2.resize(frame_HWC, (side_px * FINE, side_px * FINE), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(fine, (0, 0), SOFT, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(soft, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)
