"""Fingerprints of many clips -> the pairs among them that show the same. Pure, but for the space that it is given.

Not all pairs are compared: hashes of the coarsest shapes, in bands, name the candidates (Datar et al. 2004), so that
work grows with the number of clips and of real copies. Of a band's bucket each clip meets no more than the next few.

What is held does not grow with the pairs: one band at a time is sorted, who meets there is looked at in chunks, and
only what is near is kept. A pair is looked at in the first band where it meets. What is needed of each clip later lies
in the space, which may be a file: 448 bytes a clip, beside its fingerprint. No number depends on the size of a chunk.

Shapes: N clips, P pairs, B bytes, D numbers of the coarsest shapes, X bands, R projections of a band.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

from components.filter import duplicates
from components.filter.duplicates import INSTANTS, SIDE_PX, Floats, Pixels

Integers = npt.NDArray[np.int64]
Space = Callable[[tuple[int, ...], npt.DTypeLike], npt.NDArray[Any]]  # a new array, of any content

BANDS, PROJECTIONS, BIN = 32, 6, 0.8  # hashes of a clip, their numbers, and what falls into one bin
BINS = 64  # that there may be: random lines are about as long as the root of D, shapes no longer than 1
WINDOW = 32  # of a bucket's clips that each is compared with
COARSE, ALIKE = 4, 0.6  # waves of the coarsest shapes, and how far these may be apart (opposites: 2)
SHAPES = len(range(0, INSTANTS, INSTANTS // 2)) * COARSE**2
CLIPS = 2048  # that are hashed, or meet others, at once: 13 and 30 MB
PAIRS = 512  # that are compared at once: 60 MB
OTHER_COLOURS = 0.25  # share of the colours beyond which a pair needs no closer look


def near_duplicates(
    prints_NB: Pixels, kinds: Sequence[str], distance: float, space: Space = np.empty
) -> list[tuple[int, int]]:
    """All pairs (i < j) of one kind that are found and differ by less than `distance`, sorted."""
    number_of = {kind: number for number, kind in enumerate(sorted(set(kinds)))}
    of_kind_N = np.fromiter((number_of[kind] for kind in kinds), np.int64, len(kinds))
    near: list[tuple[int, int]] = []
    for found_P2 in candidates(prints_NB, of_kind_N, space):
        for start in range(0, len(found_P2), PAIRS):
            near += _near(prints_NB, found_P2[start : start + PAIRS], distance)
    return sorted(near)


def _near(prints_NB: Pixels, pairs_P2: Integers, distance: float) -> list[tuple[int, int]]:
    first_PB, second_PB = prints_NB[pairs_P2[:, 0]], prints_NB[pairs_P2[:, 1]]
    coloured_P = duplicates.other_colours(first_PB, second_PB) < OTHER_COLOURS
    if not coloured_P.any():
        return []
    apart_P = duplicates.differences(first_PB[coloured_P], second_PB[coloured_P])
    return [(int(i), int(j)) for i, j in pairs_P2[coloured_P][apart_P < distance]]


def candidates(prints_NB: Pixels, of_kind_N: Integers, space: Space = np.empty) -> Iterator[Integers]:
    """Pairs (P, 2), i < j, whose coarsest shapes are alike and that meet in at least one band; each comes once."""
    if not len(prints_NB):
        return
    shapes_ND = space((len(prints_NB), SHAPES), np.float32)
    places_XN = space((BANDS, len(prints_NB)), np.int64)  # of a band not sorted yet: keys
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
    """Fill in the coarsest shapes, and the keys of their kind and bins: two are the same only if all of these are."""
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
                sums_NR += number_N[:, None] * line_R  # not by a product of matrices, whose sums depend on their sizes
            bins_NR = np.floor(sums_NR / BIN).astype(np.int64) + BINS // 2
            keys_XN[band, some] = bins_NR @ digits_R + of_kind_N[some] * BINS**PROJECTIONS


def _sort(keys_N: Integers) -> Integers:
    """The order of the keys, which are written over by places: clips of one bucket stand side by side, buckets apart.

    So two clips meet if their places are no more than WINDOW apart.
    """
    order_N: Integers = np.argsort(keys_N, kind="stable")
    ordered_N = keys_N[order_N]
    places_N = np.ones(len(ordered_N), np.int64)
    places_N[1:] += WINDOW * (ordered_N[1:] != ordered_N[:-1])
    keys_N[order_N] = np.cumsum(places_N, out=places_N)
    return order_N


def _meeting(order_N: Integers, places_N: Integers, clips: int) -> Integers:
    """Pairs (P, 2), i < j, of the first clips in the order with those that they meet after them."""
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
    """The coarsest shapes of three instants (N, D), whatever the light; of length 1 unless next to nothing is seen."""
    stills_NFHW = duplicates.seen(prints_NB)[:, :: INSTANTS // 2]
    coarse_ND = dctn(stills_NFHW, axes=(2, 3), norm="ortho")[:, :, :COARSE, :COARSE].reshape(len(prints_NB), -1)
    coarse_ND[:, :: COARSE**2] = 0  # the light of each still
    shapes: Floats = coarse_ND / np.maximum(np.linalg.norm(coarse_ND, axis=1, keepdims=True), SIDE_PX)
    return shapes
