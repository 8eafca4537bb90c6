"""Batches of pixels and samples -> codes, and the sizes of batches.

A batch is encoded at once, so codes are a function of the whole batch: callers must form the same batches every time.

Shapes: B clips, T frames, H height, W width, C channels, t h w the latent grid, L levels, F audio frames, S samples.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from components.audio_tokenizer.model import Model as AudioTokenizer
from components.media.pixels import crop_and_resize
from components.media.tensors import to_unit
from components.pretokenize.config import Precision
from components.pretokenize.data import Codes
from components.visual_tokenizer.model import Model as VisualTokenizer

T = TypeVar("T")


def batches(items: Sequence[T], tokens: int, batch_tokens: int) -> Iterator[tuple[slice, Sequence[T]]]:
    """Cut `items` of `tokens` tokens each into batches of at most `batch_tokens`, but never less than one item."""
    size = max(1, batch_tokens // tokens)
    for start in range(0, len(items), size):
        yield slice(start, start + size), items[start : start + size]


@torch.no_grad()
def visual_codes(model: VisualTokenizer, frames_BTHWC: NDArray[np.uint8], precision: Precision) -> Codes:
    """Tokenize clips; returns (B, t, h, w)."""
    device = next(model.parameters()).device
    x_BCTHW = to_unit(torch.from_numpy(frames_BTHWC).to(device))
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        codes_Bthw: Codes = model.encode(x_BCTHW).int().cpu().numpy()
    return codes_Bthw


@torch.no_grad()
def audio_codes(model: AudioTokenizer, wave_BS: NDArray[np.float32]) -> Codes:
    """Tokenize audio; returns (B, L, F)."""
    device = next(model.parameters()).device
    codes_BLF: Codes = model.encode(torch.from_numpy(wave_BS).to(device)).int().cpu().numpy()
    return codes_BLF


def halved(frames_BTHWC: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink clips to half the height and width by the bicubic kernel."""
    height_px, width_px = (length // 2 for length in frames_BTHWC.shape[2:4])
    return np.stack([crop_and_resize(frames_THWC, height_px, width_px) for frames_THWC in frames_BTHWC])
