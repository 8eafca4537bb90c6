"""What the tokenizer keeps of held-out clips: figures, and pictures of originals beside reconstructions.

Shapes: B clips, T frames, H height, W width, C channels; uint8 pixels unless said otherwise.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from components.common.formats import Format
from components.filter.data import Clips, Pixels
from components.media.pictures import contact_sheet
from components.media.tensors import to_bytes, to_unit
from components.visual_tokenizer import lfq
from components.visual_tokenizer.config import FINEST, Config
from components.visual_tokenizer.model import Model

BATCH = 8
SHEET_CLIPS = 8  # of each orientation
DEAD = 0.98


@torch.no_grad()
def measure(config: Config, model: Model, clips: Clips) -> dict[str, float]:
    """Mean PSNR (dB) of held-out clips at each size, beside what the mean frame gives, and how the bits are used.

    A bit is dead if nearly all tokens of the base size agree on it; its bias is the distance of its mean from 0.
    """
    figures: dict[str, float] = {}
    device = next(model.parameters()).device
    usage_K = torch.zeros(config.architecture.codebook_bits)
    for form in _forms(config):
        scores, means, bits = [], [], []
        finer = form.height_px * form.width_px // (config.formats.height_px * config.formats.width_px)
        for x_BCTHW in _batches(clips, form, max(4, config.evaluation_clips // finer), device):  # the finer, the dearer
            codes_BTHW = model.encode(x_BCTHW)
            scores.append(psnr_db(model.decode(codes_BTHW), x_BCTHW))
            means.append(psnr_db(x_BCTHW.mean(2, keepdim=True).expand_as(x_BCTHW), x_BCTHW))
            bits.append(lfq.vectors(codes_BTHW, len(usage_K)).mean((2, 3, 4)).cpu())
        if scores:
            figures[f"psnr_db_{form.name}"] = float(torch.cat(scores).mean())
        if scores and form.frames > 1:
            figures[f"mean_frame_psnr_db_{form.name}"] = float(torch.cat(means).mean())
        if scores and form.name in ("clip", "image"):
            usage_K = torch.cat(bits).mean(0)
    return figures | {"dead_bits": float((usage_K.abs() > DEAD).sum()), "mean_bit_bias": float(usage_K.abs().mean())}


def psnr_db(y_BCTHW: Tensor, x_BCTHW: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each clip (B,), for pixels in [-1, 1]; at most 60 dB."""
    return -10 * torch.log10(((y_BCTHW - x_BCTHW) / 2).square().mean((1, 2, 3, 4)).clamp(min=1e-6))


@torch.no_grad()
def sheet(config: Config, model: Model, clips: Clips) -> Pixels:
    """A few held-out clips as one picture (H, W, 3): each original beside its reconstruction."""
    device, rows = next(model.parameters()).device, []
    for form in _forms(config)[:2]:
        for x_BCTHW in _batches(clips, form, SHEET_CLIPS, device):
            y_BCTHW = model.decode(model.encode(x_BCTHW))
            pair = (to_bytes(v_BCTHW).cpu().numpy() for v_BCTHW in (x_BCTHW, y_BCTHW))
            rows += [list(clips_of_row) for clips_of_row in zip(*pair, strict=True)]
    return contact_sheet(rows) if rows else np.zeros((config.formats.height_px, config.formats.width_px, 3), np.uint8)


def _frames(config: Config) -> int:
    return config.formats.clip_frames if config.architecture.kernel_t > 1 else 1


def _forms(config: Config) -> tuple[Format, ...]:
    frames, formats = _frames(config), config.formats
    base = formats.of(frames, "square")
    finer = (base.scaled(2), base.scaled(FINEST)) if frames > 1 else ()
    return (base, formats.of(frames, "portrait"), *finer)


def _batches(clips: Clips, form: Format, count: int, device: torch.device) -> Iterator[Tensor]:
    """The first `count` clips of a format as pixels in [-1, 1]."""
    orientation = "portrait" if "portrait" in form.name else "square"
    fits = [i for i, clip in enumerate(clips) if clip.frames >= form.frames and clip.orientation == orientation][:count]
    for start in range(0, len(fits), BATCH):
        pixels = np.stack([clips.pixels(index, form) for index in fits[start : start + BATCH]])
        yield to_unit(torch.from_numpy(pixels).to(device))
