"""What the tokenizer keeps of held-out clips: figures, and pictures of originals above reconstructions.

Shapes: B clips, T frames, H height, W width, C channels; uint8 pixels unless said otherwise.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from components.common.formats import Format
from components.filter.data import Clips, Pixels
from components.media.tensors import to_bytes, to_unit
from components.visual_tokenizer import lfq
from components.visual_tokenizer.config import FINEST, Config
from components.visual_tokenizer.model import Model

BATCH = 8
SHEET_CLIPS, SHEET_FRAMES = 8, 5


def measure(config: Config, model: Model, clips: Clips) -> dict[str, float]:
    """Mean PSNR (dB) of held-out clips at each size, beside what the mean frame gives, and how the bits are used."""
    figures: dict[str, float] = {}
    bits = torch.zeros(config.architecture.codebook_bits)
    for form in _forms(config):
        scores, means = [], []
        for x_BCTHW in _batches(config, clips, form):
            codes_BTHW = model.encode(x_BCTHW)
            scores.append(psnr_db(model.decode(codes_BTHW), x_BCTHW))
            means.append(psnr_db(x_BCTHW.mean(2, keepdim=True).expand_as(x_BCTHW), x_BCTHW))
            if form.height_px == config.formats.height_px:
                bits += lfq.vectors(codes_BTHW, len(bits)).mean((2, 3, 4)).sum(0)
        if scores:
            figures[f"psnr_db_{form.name}"] = float(torch.cat(scores).mean())
            if form.frames > 1:
                figures[f"mean_frame_psnr_db_{form.name}"] = float(torch.cat(means).mean())
    count = min(config.evaluation_clips, sum(clip.frames >= _frames(config) for clip in clips))
    usage = bits / max(1, count)
    return figures | {"dead_bits": float((usage.abs() > 0.98).sum()), "mean_bit_bias": float(usage.abs().mean())}


def psnr_db(y_BCTHW: Tensor, x_BCTHW: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each clip (B,), for pixels in [-1, 1]; at most 60 dB."""
    return -10 * torch.log10(((y_BCTHW - x_BCTHW) / 2).square().mean((1, 2, 3, 4)).clamp(min=1e-6))


def sheet(config: Config, model: Model, clips: Clips) -> Pixels:
    """Rows of a few held-out clips, original above reconstruction, as one picture (H, W, 3)."""
    form = config.formats.of(_frames(config), "square")
    rows = []
    for x_BCTHW in _batches(config, clips, form, SHEET_CLIPS):
        for pixels_BTHWC in (to_bytes(x_BCTHW), to_bytes(model.decode(model.encode(x_BCTHW)))):
            chosen = np.linspace(0, form.frames - 1, min(SHEET_FRAMES, form.frames)).astype(int)
            rows.append([np.concatenate(list(clip[chosen].numpy()), axis=1) for clip in pixels_BTHWC])
    pairs = [
        np.concatenate(pair)
        for above, below in zip(rows[::2], rows[1::2], strict=True)
        for pair in zip(above, below, strict=True)
    ]
    if not pairs:
        return np.zeros((form.height_px, form.width_px, 3), np.uint8)
    gap = np.full((2, pairs[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for pair in pairs for part in (pair, gap)][:-1])


def _frames(config: Config) -> int:
    return config.formats.clip_frames if config.architecture.kernel_t > 1 else 1


def _forms(config: Config) -> tuple[Format, ...]:
    frames, formats = _frames(config), config.formats
    base = formats.of(frames, "square")
    finer = (base.scaled(2), base.scaled(FINEST)) if frames > 1 else ()
    return (base, formats.of(frames, "portrait"), *finer)


def _batches(config: Config, clips: Clips, form: Format, most: int = 0) -> Iterator[Tensor]:
    """Clips of one format as pixels in [-1, 1]; the finer the fewer, since they cost more."""
    orientation = "portrait" if "portrait" in form.name else "square"
    fits = [i for i, clip in enumerate(clips) if clip.frames >= form.frames and clip.orientation == orientation]
    finer = (form.height_px * form.width_px) // (config.formats.height_px * config.formats.width_px)
    fits = fits[: most or max(4, config.evaluation_clips // max(1, finer))]
    for start in range(0, len(fits), BATCH):
        pixels = np.stack([clips.pixels(index, form) for index in fits[start : start + BATCH]])
        yield to_unit(torch.from_numpy(pixels))
