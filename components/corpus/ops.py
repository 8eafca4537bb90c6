"""Planned file -> its pixels and its audio. Pure and vectorized.

Shapes are signed distances, so edges are smooth at any size. Audio is a function of the image: vertical position sets
the pitch, horizontal position the rate of the pulse, size the loudness, and the shape the timbre.

Lengths are parts of the image's width; y grows downwards. Shapes: T frames, H rows, W columns.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.corpus.plan import PlannedFile
from components.media.arrays import Pixels

Floats = npt.NDArray[np.float32]

RGB = {
    "red": (222, 58, 52),
    "yellow": (246, 206, 62),
    "green": (64, 176, 84),
    "blue": (52, 116, 228),
    "pink": (238, 124, 186),
    "white": (244, 244, 238),
}
TONES = ((52, 58, 70), (74, 66, 60), (58, 70, 64), (66, 60, 78), (84, 80, 74), (44, 62, 72))
HARMONICS = {
    "circle": (1.0,),
    "square": (1.0, 0.0, 0.45, 0.0, 0.3),
    "triangle": (1.0, 0.6, 0.45, 0.35, 0.3),
    "cross": (0.8, 0.7, 0.0, 0.6),
}
LARGEST = 0.37  # radius, part of the width


@dataclass(frozen=True)
class Track:
    """Position and size of the shape at each instant (float32, T)."""

    x: Floats  # part of the width
    y: Floats  # part of the width
    radius: Floats
    height: float  # of the image, part of the width


def track(item: PlannedFile, height: float, progress_T: Floats) -> Track:
    """Follow the shape; `progress_T` runs from 0 to 1 over the file."""
    rng = np.random.default_rng(item.seed)
    way, radius = rng.uniform(0.36, 0.44), rng.uniform(0.26, 0.30)
    x, y = 0.5 + rng.uniform(-0.08, 0.08), height * (0.5 + rng.uniform(-0.08, 0.08))
    along, still = (progress_T - 0.5).astype(np.float32), np.ones_like(progress_T, np.float32)
    match item.motion:
        case "left" | "right":
            return Track(0.5 + along * way * (-1 if item.motion == "left" else 1), y * still, radius * still, height)
        case "up" | "down":
            moving = height * (0.5 + along * way * (-1 if item.motion == "up" else 1))
            return Track(x * still, moving, radius * still, height)
        case "grows" | "shrinks":
            share = along + 0.5 if item.motion == "grows" else 0.5 - along
            return Track(x * still, y * still, 0.15 + (LARGEST - 0.15) * share, height)
        case _:
            return Track(x * still, y * still, rng.uniform(0.22, 0.34) * still, height)


def distance(shape: str, x: Floats, y: Floats) -> Floats:
    """Return the signed distance to the edge of a shape of radius 1, negative inside."""
    match shape:
        case "circle":
            return np.asarray(np.sqrt(x * x + y * y) - 1)
        case "square":
            return np.asarray(np.maximum(abs(x), abs(y)) - 0.9)
        case "triangle":
            return np.asarray(np.maximum(y - 0.62, 0.866 * abs(x) - 0.5 * y - 0.62))
        case _:
            x, y = abs(x), abs(y)
            return np.asarray(np.minimum(np.maximum(x - 1.05, y - 0.36), np.maximum(y - 1.05, x - 0.36)))


def background(item: PlannedFile, height_px: int, width_px: int) -> Floats:
    """Return a smooth gradient of one dull tone (H, W, 3), lighter to one side and darker to the corners."""
    rng = np.random.default_rng(item.seed + 1)
    tone = np.array(TONES[int(rng.integers(len(TONES)))], np.float32) * rng.uniform(0.85, 1.2)
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.3)
    y, x = np.meshgrid(np.linspace(-1, 1, height_px), np.linspace(-1, 1, width_px), indexing="ij")
    light = 1 + depth * (np.cos(angle) * x + np.sin(angle) * y) - 0.12 * (x * x + y * y)
    return np.asarray(light[..., None] * tone, np.float32)


def frames(item: PlannedFile, path: Track, height_px: int, width_px: int) -> Pixels:
    """Render every instant of a track: (T, H, W, 3)."""
    ground = background(item, height_px, width_px)
    blank = np.clip(ground + 0.5, 0, 255).astype(np.uint8)
    color = np.array(RGB[item.color], np.float32)
    frames_THWC = np.empty((len(path.x), height_px, width_px, 3), np.uint8)
    for index, (x, y, radius) in enumerate(zip(path.x, path.y, path.radius, strict=True)):
        frames_THWC[index] = blank
        _draw(frames_THWC[index], ground, item.shape, color, x * width_px, y * width_px, radius * width_px)
    return frames_THWC


def _draw(image: Pixels, ground: Floats, shape: str, color: Floats, x: float, y: float, radius: float) -> None:
    """Draw the shape with smooth edges and a soft shadow round it, touching only the rows and columns it covers."""
    reach = 1.5 * radius + 2
    top, left = max(0, int(y - reach)), max(0, int(x - reach))
    bottom, right = max(top, int(y + reach) + 1), max(left, int(x + reach) + 1)
    window = ground[top:bottom, left:right]
    rows = ((np.arange(window.shape[0], dtype=np.float32) + np.float32(top + 0.5 - y)) / np.float32(radius))[:, None]
    columns = ((np.arange(window.shape[1], dtype=np.float32) + np.float32(left + 0.5 - x)) / np.float32(radius))[None]
    away = distance(shape, columns, rows)
    cover = np.clip(0.5 - away * np.float32(radius), 0, 1)[..., None]
    shadow = np.clip(1 - np.maximum(away, 0) * 3, 0, 1)[..., None]
    lit = np.clip(color * (1 - np.float32(0.08) * rows)[..., None], 0, 255)
    mixed = window * (1 - np.float32(0.4) * shadow * shadow)
    mixed += cover * (lit - mixed)
    image[top:bottom, left:right] = mixed + np.float32(0.5)


def audio(item: PlannedFile, path: Track, sample_rate_hz: int) -> Floats:
    """Synthesize the audio of a track whose instants are samples."""
    pitch_hz = 220 * 2 ** (2.4 * (1 - path.y / path.height))
    pulse_hz = 3 + 9 * path.x
    phase = 2 * np.pi * np.cumsum(pitch_hz, dtype=np.float64) / sample_rate_hz
    pulse = 2 * np.pi * np.cumsum(pulse_hz, dtype=np.float64) / sample_rate_hz
    strengths = HARMONICS[item.shape]
    tone = sum(strength * np.sin((order + 1) * phase) for order, strength in enumerate(strengths))
    loudness = 0.08 + 0.55 * (path.radius / LARGEST) ** 2
    swell = 0.65 - 0.35 * np.cos(pulse)
    return np.asarray(loudness * swell * tone / sum(strengths), np.float32)
