"""Decoded frames -> numbers that rules judge. Pure.

Every number is measured on pictures of a fixed size, so that thresholds mean the same for clips of any size, and is
rounded, so that it reads well in a table.

Shapes: T frames, H height, W width, C channels, S still pictures taken from a clip.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from components.filter import overlays

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

cv2.setNumThreads(1)  # clips are looked at side by side; its threads would change the order of sums
FLOW_PX, PICTURE_PX = 48, 128  # shorter sides
LEAST_FLOW_PX = 0.15  # of a step of the whole picture: below, its direction is noise
DARK, BRIGHT = 8, 247  # levels at and beyond which nothing is to be seen
BAR_LEVELS = 10  # a bar's pixels differ by no more
BAR_EDGE = 0.6  # share of the line behind a bar that must differ from it in most stills
DIGITS = 4


@dataclass(frozen=True)
class Look:
    """What the frames of a clip say. A still picture does not move."""

    speed: float  # of the mean point of the picture, in widths a second
    jitter: float  # share of the picture's own motion that turns back at the next frame, 0 to 1
    sharpness: float  # variance of the Laplacian of luma, in squared levels
    dark: float  # share of pixels without light
    bright: float  # share of pixels without anything but light
    bars: float  # share of the picture in bars of one colour along its sides
    overlaid: float  # share of the picture in lines of letters that stand still over it


def look(frames_THWC: Pixels, fps: int) -> Look:
    """Measure the frames of one clip."""
    speed, jitter = movement(frames_THWC, fps)
    stills_SHWC = stills(frames_THWC)
    grey_SHW = greys(stills_SHWC, PICTURE_PX)
    numbers = (
        speed,
        jitter,
        sharpness(grey_SHW),
        float((grey_SHW <= DARK).mean()),
        float((grey_SHW >= BRIGHT).mean()),
        bars(grey_SHW),
        overlays.overlaid(greys(stills_SHWC, overlays.PICTURE_PX)),
    )
    return Look(*(round(number, DIGITS) for number in numbers))


def stills(frames_THWC: Pixels) -> Pixels:
    """The first, the middle and the last frame, each once."""
    return frames_THWC[sorted({0, len(frames_THWC) // 2, len(frames_THWC) - 1})]


def greys(stills_SHWC: Pixels, side_px: int) -> Pixels:
    """Luma of stills (S, H, W), with a shorter side of `side_px`."""
    return np.stack([_grey(still, side_px) for still in stills_SHWC])


def movement(frames_THWC: Pixels, fps: int) -> tuple[float, float]:
    """Speed and jitter by dense optical flow (Farneback) between successive frames."""
    grey = [_grey(frame, FLOW_PX) for frame in frames_THWC]
    method = cv2.FarnebackOpticalFlow.create(
        numLevels=3, pyrScale=0.5, winSize=9, numIters=2, polyN=5, polySigma=1.1, flags=0
    )
    flows = [method.calc(now, then, np.zeros((*now.shape, 2), np.float32)) for now, then in pairwise(grey)]
    if not flows:
        return 0.0, 0.0
    steps = np.array([np.linalg.norm(flow, axis=-1).mean(dtype=np.float64) for flow in flows])
    whole_T2 = np.array([np.median(flow.reshape(-1, 2), axis=0) for flow in flows], np.float64)
    return float(steps.mean()) / grey[0].shape[1] * fps, turned_back(whole_T2)


def turned_back(steps_T2: npt.NDArray[np.float64]) -> float:
    """Share of a path's length in steps that the next step turns back; steps too short to have a way do not count."""
    lengths = np.linalg.norm(steps_T2, axis=1)
    counts = np.minimum(lengths[:-1], lengths[1:]) * (np.minimum(lengths[:-1], lengths[1:]) > LEAST_FLOW_PX)
    back = (steps_T2[:-1] * steps_T2[1:]).sum(axis=1) < 0
    return float(counts[back].sum() / counts.sum()) if counts.any() else 0.0


def sharpness(grey_SHW: Pixels) -> float:
    """Of the sharpest of the pictures: what a cut or a fade blurs for a moment is not blurred."""
    return max(float(cv2.Laplacian(grey, cv2.CV_32F).var(dtype=np.float64)) for grey in grey_SHW)


def bars(grey_SHW: Pixels) -> float:
    """Share of the picture in bars along opposite sides: lines of one level at all times, a hard edge behind."""
    height, width = grey_SHW.shape[1:]
    top, bottom = _bar(grey_SHW), _bar(grey_SHW[:, ::-1])
    left, right = _bar(grey_SHW.transpose(0, 2, 1)), _bar(grey_SHW.transpose(0, 2, 1)[:, ::-1])
    rows, columns = (top + bottom) * (top > 0 < bottom), (left + right) * (left > 0 < right)
    return float(1 - (1 - rows / height) * (1 - columns / width))


def _bar(grey_SHW: Pixels) -> int:
    """Lines of the bar at the top, 0 if there is none."""
    level = float(np.median(grey_SHW[:, 0]))
    away_SHW = np.abs(grey_SHW.astype(np.float32) - level) > BAR_LEVELS
    lines = int(np.argmax(away_SHW.any(axis=(0, 2))))
    behind_SW = away_SHW[:, min(lines + 1, grey_SHW.shape[1] - 1)]  # the line next to a bar may be half of it
    return lines if float(np.median(behind_SW.mean(axis=1))) > BAR_EDGE else 0


def _grey(frame_HWC: Pixels, side_px: int) -> Pixels:
    """Luma with a shorter side of `side_px`."""
    height, width = frame_HWC.shape[:2]
    scale = side_px / min(height, width)
    size = max(side_px, round(width * scale)), max(side_px, round(height * scale))
    return np.asarray(
        cv2.resize(cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA), np.uint8
    )
