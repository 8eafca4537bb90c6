"""Fingerprints of many clips -> pairs of near-duplicates. Pure, apart from the arrays it allocates.

Not all pairs are compared: locality-sensitive hashes of the coarsest shapes, in bands, select the candidates (Datar et
al. 2004), so that work grows with the number of clips and of real copies. In a band's bucket each clip is paired with
no more than the next few.

Memory does not grow with the number of pairs: one band at a time is sorted, its pairs are compared in chunks, and only
near pairs are kept. A pair is compared in the first band where it occurs. What is needed of each clip later is in an
array from `space`, which may be a file: 448 bytes per clip beside its fingerprint. No result depends on a chunk's size.

Shapes: N clips, P pairs, B bytes, D numbers of the coarsest shapes, X bands, R projections of a band.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

from components.filter import duplicates
from components.filter.duplicates import INSTANTS, SIDE_PX, Floats
from components.media.arrays import Pixels

Integers = npt.NDArray[np.int64]
Space = Callable[[tuple[int, ...], npt.DTypeLike], npt.NDArray[Any]]  # a new array, of any content

BANDS, PROJECTIONS, BIN = 32, 6, 0.8  # hashes of a clip, projections of each, and width of a bin
BINS = 64  # greatest number: random lines are about as long as the root of D, shapes no longer than 1
WINDOW = 32  # clips of a bucket that each is compared with
COARSE, ALIKE = 4, 0.6  # frequencies of the coarsest shapes, and their greatest distance (opposites: 2)
SHAPES = len(range(0, INSTANTS, INSTANTS // 2)) * COARSE**2
CLIPS = 2048  # hashed, or paired, at once: 13 and 30 MB
PAIRS = 512  # compared at once: 60 MB
OTHER_COLORS = 0.25  # difference in color from which on a pair needs no closer comparison


def near_duplicates(
    prints_NB: Pixels, kinds: Sequence[str], distance: float, space: Space = np.empty
) -> list[tuple[int, int]]:
    """Return the found pairs (i < j) of one kind that differ by less than `distance`, sorted."""
    number_of = {kind: number for number, kind in enumerate(sorted(set(kinds)))}
    of_kind_N = np.fromiter((number_of[kind] for kind in kinds), np.int64, len(kinds))
    near: list[tuple[int, int]] = []
    for found_P2 in candidates(prints_NB, of_kind_N, space):
        for start in range(0, len(found_P2), PAIRS):
            near += _near(prints_NB, found_P2[start : start + PAIRS], distance)
    return sorted(near)


def _near(prints_NB: Pixels, pairs_P2: Integers, distance: float) -> list[tuple[int, int]]:
    first_PB, second_PB = prints_NB[pairs_P2[:, 0]], prints_NB[pairs_P2[:, 1]]
    colored_P = duplicates.other_colors(first_PB, second_PB) < OTHER_COLORS
    if not colored_P.any():
        return []
    apart_P = duplicates.differences(first_PB[colored_P], second_PB[colored_P])
    return [(int(i), int(j)) for i, j in pairs_P2[colored_P][apart_P < distance]]


def candidates(prints_NB: Pixels, of_kind_N: Integers, space: Space = np.empty) -> Iterator[Integers]:
    """Yield pairs (P, 2), i < j, that are similar in the coarsest shapes and share a bucket; each pair once."""
    if not len(prints_NB):
        return
    shapes_ND = space((len(prints_NB), SHAPES), np.float32)
    places_XN = space((BANDS, len(prints_NB)), np.int64)  # keys, for a band that is not sorted yet
    _hash(prints_NB, of_kind_N, shapes_ND, places_XN)
    for band in range(BANDS):
        order_N = _sort(places_XN[band])
        for start in range(0, len(order_N), CLIPS):
            pairs_P2 = _meeting(order_N[start : start + CLIPS + WINDOW], places_XN[band], CLIPS)
            pairs_P2 = pairs_P2[_alike(shapes_ND, pairs_P2)]
            for earlier_N in places_XN[:band]:
                pairs_P2 = pairs_P2[np.abs(earlier_N[pairs_P2[:, 0]] - earlier_N[pairs_P2[:, 1]]) > WINDOW]
            yield pairs_P2


def _hash(prints_NB: Pixels, of_kind_N: Integers, shapes_ND: Floats, keys_XN: Integers) -> None:
    """Fill in the coarsest shapes, and keys that are equal only if the kind and all bins are."""
    random = np.random.default_rng(0)
    lines_DXR = random.standard_normal((SHAPES, BANDS, PROJECTIONS))
    offsets_XR = random.uniform(0, BIN, (BANDS, PROJECTIONS))
    digits_R = BINS ** np.arange(PROJECTIONS)
    for start in range(0, len(prints_NB), CLIPS):
        some = slice(start, start + CLIPS)
        shapes_ND[some] = _coarse(prints_NB[some])
        for band in range(BANDS):
            sums_NR = np.tile(offsets_XR[band], (len(shapes_ND[some]), 1))
            for number_N, line_R in zip(shapes_ND[some].T, lines_DXR[:, band], strict=True):
                sums_NR += number_N[:, None] * line_R  # a matrix product would make sums depend on the chunk's size
            bins_NR = np.floor(sums_NR / BIN).astype(np.int64) + BINS // 2
            keys_XN[band, some] = bins_NR @ digits_R + of_kind_N[some] * BINS**PROJECTIONS


def _sort(keys_N: Integers) -> Integers:
    """Return the order of the keys, and overwrite the keys with positions: buckets are more than WINDOW apart.

    So two clips are paired if their positions differ by no more than WINDOW.
    """
    order_N: Integers = np.argsort(keys_N, kind="stable")
    ordered_N = keys_N[order_N]
    places_N = np.ones(len(ordered_N), np.int64)
    places_N[1:] += WINDOW * (ordered_N[1:] != ordered_N[:-1])
    keys_N[order_N] = np.cumsum(places_N, out=places_N)
    return order_N


def _meeting(order_N: Integers, places_N: Integers, clips: int) -> Integers:
    """Return pairs (P, 2), i < j, of the first clips in the order with those after them in their window."""
    here_N = places_N[order_N]
    found = [np.zeros((0, 2), np.int64)]
    for ahead in range(1, WINDOW + 1):
        first_N, second_N = order_N[:-ahead][:clips], order_N[ahead:][:clips]
        meets_N = here_N[ahead:][:clips] - here_N[:-ahead][:clips] <= WINDOW
        if not meets_N.any():
            break
        found.append(np.column_stack([first_N[meets_N], second_N[meets_N]]))
    return np.sort(np.concatenate(found), axis=1)


def _alike(shapes_ND: Floats, pairs_P2: Integers) -> npt.NDArray[np.bool_]:
    apart_P = np.linalg.norm(shapes_ND[pairs_P2[:, 0]] - shapes_ND[pairs_P2[:, 1]], axis=1)
    alike_P: npt.NDArray[np.bool_] = apart_P < ALIKE
    return alike_P


def _coarse(prints_NB: Pixels) -> Floats:
    """Return the coarsest shapes of three instants (N, D) without the mean; of length 1 unless nearly uniform."""
    stills_NFHW = duplicates.luma(prints_NB)[:, :: INSTANTS // 2]
    coarse_ND = dctn(stills_NFHW, axes=(2, 3), norm="ortho")[:, :, :COARSE, :COARSE].reshape(len(prints_NB), -1)
    coarse_ND[:, :: COARSE**2] = 0  # the mean of each still
    shapes: Floats = coarse_ND / np.maximum(np.linalg.norm(coarse_ND, axis=1, keepdims=True), SIDE_PX)
    return shapes
