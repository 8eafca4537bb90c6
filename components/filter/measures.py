"""Decoded frames -> visual scores. Pure.

Scores are measured on images of a fixed size, so that thresholds mean the same for clips of any size, and rounded for
readability.

Shapes: T frames, H height, W width, C channels, S stills taken from a clip.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from components.filter import overlays
from components.media.arrays import Pixels

Floats = npt.NDArray[np.float32]

cv2.setNumThreads(1)  # clips are measured in parallel; OpenCV's threads would change the order of sums
FLOW_PX, STILL_PX = 48, 128  # shorter sides
LEAST_FLOW_PX = 0.15  # length of a global step below which its direction is noise
DARK, BRIGHT = 8, 247  # levels at and beyond which nothing is visible
BAR_LEVELS = 10  # a bar's pixels differ by no more
BAR_EDGE = 0.6  # share of the line behind a bar that must differ from it in most stills
DIGITS = 4


@dataclass(frozen=True)
class FrameStatistics:
    """Visual scores of a clip. A still image does not move."""

    speed: float  # of the mean point of the image, in widths per second
    jitter: float  # share of the global motion that reverses at the next frame, 0 to 1
    sharpness: float  # variance of the Laplacian of luma, in squared levels
    dark: float  # share of pixels without light
    bright: float  # share of pixels at full light
    letterbox: float  # share of the image in bars of one color along its sides
    text_overlay: float  # share of the image in lines of letters that stand still over it


def measure_frames(frames_THWC: Pixels, fps: int) -> FrameStatistics:
    """Measure the frames of one clip."""
    speed, jitter = movement(frames_THWC, fps)
    stills_SHWC = stills(frames_THWC)
    gray_SHW = grays(stills_SHWC, STILL_PX)
    numbers = (
        speed,
        jitter,
        sharpness(gray_SHW),
        float((gray_SHW <= DARK).mean()),
        float((gray_SHW >= BRIGHT).mean()),
        letterbox(gray_SHW),
        overlays.text_overlay(grays(stills_SHWC, overlays.IMAGE_PX)),
    )
    return FrameStatistics(*(round(number, DIGITS) for number in numbers))


def stills(frames_THWC: Pixels) -> Pixels:
    """Return the first, the middle and the last frame, each once."""
    return frames_THWC[sorted({0, len(frames_THWC) // 2, len(frames_THWC) - 1})]


def grays(stills_SHWC: Pixels, side_px: int) -> Pixels:
    """Return the luma of stills (S, H, W), with a shorter side of `side_px`."""
    return np.stack([_gray(still, side_px) for still in stills_SHWC])


def movement(frames_THWC: Pixels, fps: int) -> tuple[float, float]:
    """Return speed and jitter by dense optical flow (Farneback) between successive frames."""
    gray = [_gray(frame, FLOW_PX) for frame in frames_THWC]
    method = cv2.FarnebackOpticalFlow.create(
        numLevels=3, pyrScale=0.5, winSize=9, numIters=2, polyN=5, polySigma=1.1, flags=0
    )
    flows = [method.calc(now, then, np.zeros((*now.shape, 2), np.float32)) for now, then in pairwise(gray)]
    if not flows:
        return 0.0, 0.0
    steps = np.array([np.linalg.norm(flow, axis=-1).mean(dtype=np.float64) for flow in flows])
    global_T2 = np.array([np.median(flow.reshape(-1, 2), axis=0) for flow in flows], np.float64)
    return float(steps.mean()) / gray[0].shape[1] * fps, reversed_share(global_T2)


def reversed_share(steps_T2: npt.NDArray[np.float64]) -> float:
    """Return the share of a path's length in steps that the next step reverses; very short steps do not count."""
    lengths = np.linalg.norm(steps_T2, axis=1)
    counts = np.minimum(lengths[:-1], lengths[1:]) * (np.minimum(lengths[:-1], lengths[1:]) > LEAST_FLOW_PX)
    back = (steps_T2[:-1] * steps_T2[1:]).sum(axis=1) < 0
    return float(counts[back].sum() / counts.sum()) if counts.any() else 0.0


def sharpness(gray_SHW: Pixels) -> float:
    """Return the sharpness of the sharpest still: a clip that a cut or fade blurs for a moment is not blurred."""
    return max(float(cv2.Laplacian(gray, cv2.CV_32F).var(dtype=np.float64)) for gray in gray_SHW)


def letterbox(gray_SHW: Pixels) -> float:
    """Return the share of the image in bars along opposite sides: lines of one level in all stills, then an edge."""
    height, width = gray_SHW.shape[1:]
    top, bottom = _bar(gray_SHW), _bar(gray_SHW[:, ::-1])
    left, right = _bar(gray_SHW.transpose(0, 2, 1)), _bar(gray_SHW.transpose(0, 2, 1)[:, ::-1])
    rows, columns = (top + bottom) * (top > 0 < bottom), (left + right) * (left > 0 < right)
    return float(1 - (1 - rows / height) * (1 - columns / width))


def _bar(gray_SHW: Pixels) -> int:
    """Return the number of lines of the bar at the top, 0 if there is none."""
    level = float(np.median(gray_SHW[:, 0]))
    away_SHW = np.abs(gray_SHW.astype(np.float32) - level) > BAR_LEVELS
    lines = int(np.argmax(away_SHW.any(axis=(0, 2))))
    behind_SW = away_SHW[:, min(lines + 1, gray_SHW.shape[1] - 1)]  # the line next to a bar may be half of it
    return lines if float(np.median(behind_SW.mean(axis=1))) > BAR_EDGE else 0


def _gray(frame_HWC: Pixels, side_px: int) -> Pixels:
    """Return the luma with a shorter side of `side_px`."""
    height, width = frame_HWC.shape[:2]
    scale = side_px / min(height, width)
    size = max(side_px, round(width * scale)), max(side_px, round(height * scale))
    return np.asarray(
        cv2.resize(cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA), np.uint8
    )
