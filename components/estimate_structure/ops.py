"""Flow and depth by classical methods, and both as one clip of three bytes per pixel.

These methods need no weights: Farneback's flow, and `border_contrast`, which takes as near whatever differs in color
from a plane fitted to the frame's border. They run on one thread, so they give the same result on every machine.

Shapes: T frames, H height, W width, C channels (of a structure: flow right, flow down, nearness).
"""

import math
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from components.media.arrays import Pixels

Floats = NDArray[np.float32]

cv2.setNumThreads(1)  # its threads would change the order of sums
COARSEST_PX = 8  # side of the smallest image of the flow's pyramid
BORDER = 8  # the border is the shorter side divided by this
NEAR_PERCENTILE = 98.0


def farneback(frames_THWC: Pixels) -> Floats:
    """Return the flow to the next frame in pixels, (T, H, W, 2) right and down; the last frame's is repeated."""
    gray_THW = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames_THWC]
    levels = max(1, round(math.log2(min(frames_THWC.shape[1:3]) / COARSEST_PX)))
    method = cv2.FarnebackOpticalFlow.create(
        numLevels=levels,
        pyrScale=0.5,
        winSize=15,
        numIters=3,
        polyN=5,
        polySigma=1.1,
        flags=cv2.OPTFLOW_FARNEBACK_GAUSSIAN,
    )
    flow_THW2 = np.zeros((len(gray_THW) - 1, *frames_THWC.shape[1:3], 2), np.float32)
    for t, (now, then) in enumerate(pairwise(gray_THW)):
        method.calc(now, then, flow_THW2[t])
    return last_repeated(flow_THW2)


def last_repeated(flow_THW2: Floats) -> Floats:
    """Give the last frame, which has no next one, the flow of the frame before; an image does not move."""
    last = flow_THW2[-1:] if len(flow_THW2) else np.zeros((1, *flow_THW2.shape[1:]), np.float32)
    return np.concatenate([flow_THW2, last])


def border_contrast(frames_THWC: Pixels) -> Floats:
    """Return the distance of each pixel's color from a plane fitted to the frame's border, (T, H, W)."""
    _, height, width, _ = frames_THWC.shape
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    plane_HW3 = np.stack([np.ones_like(rows), rows, columns], axis=-1)
    side = max(1, min(height, width) // BORDER)
    border_HW = np.ones((height, width), dtype=bool)
    border_HW[side : height - side, side : width - side] = False
    solve = np.linalg.pinv(plane_HW3[border_HW])
    near = []
    for frame in frames_THWC.astype(np.float64):
        color_HWC = plane_HW3 @ (solve @ frame[border_HW])
        near.append(cv2.GaussianBlur(np.linalg.norm(frame - color_HWC, axis=-1), (3, 3), 0))
    return np.stack(near).astype(np.float32)


def as_clip(flow_THW2: Floats, near_THW: Floats, flow_limit: float) -> Pixels:
    """Normalize into one clip (T, H, W, 3): no flow is 128, `flow_limit` widths per frame 0 or 255; nearest is 255."""
    speed_THW2 = flow_THW2 / (flow_limit * flow_THW2.shape[2])
    floor, ceiling = float(near_THW.min()), float(np.percentile(near_THW, NEAR_PERCENTILE))
    nearness_THW = (near_THW - floor) / max(ceiling - floor, 1e-6)
    clip_THWC = np.concatenate([128 + 127 * speed_THW2, 255 * nearness_THW[..., None]], axis=-1)
    rounded: Pixels = np.clip(np.rint(clip_THWC), 0, 255).astype(np.uint8)
    return rounded
