"""High dynamic range -> ordinary 8-bit colours, by one fixed curve.

Light is taken back to nits (PQ or HLG on a 1 000-nit screen), moved from BT.2020 to BT.709 primaries, and rolled off
above reference white (203 nits, BT.2408) by x·(1 + x/w²)/(1 + x), so that highlights fade instead of clipping.
It looks right on usual footage; it does not follow the mastering metadata.
"""

import numpy as np
import numpy.typing as npt

PQ, HLG = 16, 18  # transfer characteristics of ITU-T H.273
REFERENCE_WHITE_NITS = 203.0
PEAK_NITS = 1000.0
BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)
LEVELS = 1 << 16


def _nits_of_pq() -> npt.NDArray[np.float32]:
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    code = np.linspace(0, 1, LEVELS) ** (1 / m2)
    return (10000 * (np.maximum(code - c1, 0) / (c2 - c3 * code)) ** (1 / m1)).astype(np.float32)


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
