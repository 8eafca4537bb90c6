"""Clips -> one image: a contact sheet for people to look at."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from components.media.arrays import Pixels

GAP_PX = 4
PAPER = 255


def contact_sheet(rows: Sequence[Sequence[Pixels]], *, frames: int = 6, tile_px: int = 96) -> Pixels:
    """Draw each clip (T, H, W, 3) as a strip of up to `frames` evenly spaced frames; the clips of a row side by side.

    Tiles are `tile_px` high and as wide as the aspect asks.
    """
    strips = [[_strip(clip, frames, tile_px) for clip in row] for row in rows]
    lines = [_joined(row, 3 * GAP_PX) for row in strips if row]
    if not lines:
        raise ValueError("a contact sheet needs at least one clip")
    width_px = max(line.shape[1] for line in lines)
    sheet = np.full((sum(line.shape[0] + GAP_PX for line in lines) + GAP_PX, width_px + 2 * GAP_PX, 3), PAPER, np.uint8)
    top = GAP_PX
    for line in lines:
        sheet[top : top + line.shape[0], GAP_PX : GAP_PX + line.shape[1]] = line
        top += line.shape[0] + GAP_PX
    return sheet


def _strip(clip_THWC: Pixels, frames: int, tile_px: int) -> Pixels:
    chosen = np.linspace(0, len(clip_THWC) - 1, min(frames, len(clip_THWC))).round().astype(int)
    width_px = max(1, round(tile_px * clip_THWC.shape[2] / clip_THWC.shape[1]))
    filter_ = Image.Resampling.NEAREST if tile_px % clip_THWC.shape[1] == 0 else Image.Resampling.BICUBIC
    tiles = [np.asarray(Image.fromarray(clip_THWC[i]).resize((width_px, tile_px), filter_)) for i in chosen]
    return _joined(tiles, GAP_PX // 2)


def _joined(parts: Sequence[Pixels], gap_px: int) -> Pixels:
    gap = np.full((parts[0].shape[0], gap_px, 3), PAPER, np.uint8)
    return np.concatenate([piece for part in parts for piece in (part, gap)][:-1], axis=1)
