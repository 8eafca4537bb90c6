"""Colors of sources -> 8-bit BT.709.

High dynamic range goes by one fixed curve: light is taken back to nits (PQ or HLG on a 1 000-nit screen), moved from
BT.2020 to BT.709 primaries, and rolled off above reference white (203 nits, BT.2408) by x·(1 + x/w²)/(1 + x), so that
highlights fade instead of clipping. It looks right on usual footage; it does not follow the mastering metadata.

Luma and chroma of another matrix are converted directly: going through RGB costs several times as much.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

PQ, HLG = 16, 18  # transfer characteristics of ITU-T H.273
REFERENCE_WHITE_NITS = 203.0
PEAK_NITS = 1000.0
BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)
LEVELS = 1 << 16
# Weights of red and blue in luma, by the matrix coefficients of ITU-T H.273; BT.601 is what is not named here.
BT709 = 1
WEIGHTS = {BT709: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
BT601_WEIGHTS = (0.299, 0.114)
LUMA_LEVELS, CHROMA_LEVELS, CHROMA_ZERO = 219, 224, 128


@cache
def _nits_of_pq() -> npt.NDArray[np.float32]:
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    code = np.linspace(0, 1, LEVELS) ** (1 / m2)
    return (10000 * (np.maximum(code - c1, 0) / (c2 - c3 * code)) ** (1 / m1)).astype(np.float32)


@cache
def _nits_of_hlg() -> npt.NDArray[np.float32]:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    code = np.linspace(0, 1, LEVELS)
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return (PEAK_NITS * scene**1.2).astype(np.float32)


def to_standard_range(rgb_HWC: npt.NDArray[np.uint16], transfer: int) -> npt.NDArray[np.uint8]:
    """Tone-map 16-bit BT.2020 pixels of transfer `PQ` or `HLG` to 8-bit BT.709 pixels of the same size."""
    nits = (_nits_of_pq() if transfer == PQ else _nits_of_hlg())[rgb_HWC]
    light = np.maximum(nits @ BT2020_TO_BT709.T, 0) / np.float32(REFERENCE_WHITE_NITS)
    white = np.float32(PEAK_NITS / REFERENCE_WHITE_NITS)
    rolled = np.minimum(light * (1 + light / white**2) / (1 + light) * np.float32(1.6), 1)
    signal = np.where(rolled < 0.018, 4.5 * rolled, 1.099 * rolled**0.45 - 0.099)
    return np.asarray(np.rint(signal * 255), dtype=np.uint8)


def to_bt709(planes_PW: npt.NDArray[np.uint8], matrix: int) -> npt.NDArray[np.uint8]:
    """Convert planes (3/2 · H, W) in limited range from `matrix` to BT.709."""
    height_px, width_px = planes_PW.shape[0] * 2 // 3, planes_PW.shape[1]
    blue, red = planes_PW[height_px:].reshape(2, height_px // 2, width_px // 2)
    old = blue.astype(np.uint16) << 8 | red
    lighter, new_blue, new_red = (table.take(old, axis=0) for table in _tables(matrix))
    luma = planes_PW[:height_px].reshape(-1, 2, width_px) + lighter.reshape(-1, 1, width_px)
    parts = np.clip(luma, 0, 255).astype(np.uint8), new_blue, new_red
    return np.concatenate([part.ravel() for part in parts]).reshape(-1, width_px)  # a chroma plane may end in mid-row


@cache
def _tables(matrix: int) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """By old chroma (256 · blue + red): what is added to two luma side by side, new blue chroma, and new red."""
    to_luma, *to_chroma = np.linalg.inv(_to_rgb(*WEIGHTS[BT709])) @ _to_rgb(*WEIGHTS.get(matrix, BT601_WEIGHTS))
    codes = np.arange(256) - CHROMA_ZERO
    blue, red = (side.ravel() for side in np.meshgrid(codes, codes, indexing="ij"))
    lighter = (to_luma[1] * blue + to_luma[2] * red) * LUMA_LEVELS / CHROMA_LEVELS
    new = [np.rint(row[1] * blue + row[2] * red) + CHROMA_ZERO for row in to_chroma]
    new_blue, new_red = (np.clip(chroma, 0, 255).astype(np.uint8) for chroma in new)
    return np.repeat(np.rint(lighter).astype(np.int16)[:, None], 2, axis=1), new_blue, new_red


def _to_rgb(red: float, blue: float) -> npt.NDArray[np.float64]:
    """Return the matrix from luma (0 to 1) and chroma (-1/2 to 1/2) to RGB, for the weights of red and blue."""
    by_blue, by_red = 2 * (1 - blue), 2 * (1 - red)
    green = 1 - red - blue
    return np.array([[1, 0, by_red], [1, -by_blue * blue / green, -by_red * red / green], [1, by_blue, 0]])
