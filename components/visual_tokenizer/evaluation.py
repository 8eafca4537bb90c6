"""Reconstruction of held-out clips: metrics, and images of originals beside reconstructions.

Shapes: B clips, T frames, H height, W width, C channels; uint8 pixels unless said otherwise.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from torch import Tensor

from components.common.formats import Format
from components.filter.data import Clips
from components.media.arrays import Pixels
from components.media.contact_sheets import contact_sheet
from components.media.tensors import to_bytes, to_unit
from components.visual_tokenizer import lfq
from components.visual_tokenizer.config import FINEST, Config
from components.visual_tokenizer.model import Model

BATCH = 8
SHEET_CLIPS = 8  # of each orientation
DEAD = 0.98
CORPUS = "rendered"  # clips without a folder of the user's


@torch.no_grad()
def measure(config: Config, model: Model, clips: Clips, known: Clips) -> dict[str, float]:
    """Mean PSNR (dB) of held-out `clips` at each size, beside trivial baselines, and how the bits are used.

    The baselines are the mean frame of as many `known` clips, independent of the clip, and the mean color of each of
    its frames. If there are clips of several folders, each folder has metrics of its own at the base sizes. A bit is
    dead if nearly all tokens of the base size agree on it; its bias is the distance of its mean from 0.
    """
    figures: dict[str, float] = {}
    usage_K = torch.zeros(config.architecture.codebook_bits)
    base, *others = _forms(config)
    for form in (base, *others):
        area = form.height_px * form.width_px // (config.formats.height_px * config.formats.width_px)
        count = max(4, config.evaluation_clips // area)  # the larger, the more expensive
        found, bits_K = _scores(model, clips, known, form, count)
        figures |= {f"{name}_{form.name}": value for name, value in found.items()}
        if found and form == base:
            usage_K = bits_K
    roots = _roots(clips)
    for root, form in product(roots if len(roots) > 1 else [], (base, others[0])):
        found, _ = _scores(model, clips, known, form, config.evaluation_clips, root)
        figures |= {f"{name}_{form.name}_of_{root or CORPUS}": value for name, value in found.items()}
    return figures | {"dead_bits": float((usage_K.abs() > DEAD).sum()), "mean_bit_bias": float(usage_K.abs().mean())}


def _scores(
    model: Model, clips: Clips, known: Clips, form: Format, count: int, root: str | None = None
) -> tuple[dict[str, float], Tensor]:
    """Return the PSNR of reconstructions and of the baselines, and every bit's mean."""
    device, scores, bits = next(model.parameters()).device, dict[str, list[Tensor]](), []
    seen = [x_BCTHW.mean(2, keepdim=True) for x_BCTHW in _batches(known, form, count, device, root)]
    for x_BCTHW in _batches(clips, form, count, device, root):
        codes_BTHW = model.encode(x_BCTHW)
        answers = {"psnr_db": model.decode(codes_BTHW), "mean_color_psnr_db": x_BCTHW.mean((3, 4), keepdim=True)}
        if seen:
            answers["mean_frame_psnr_db"] = torch.cat(seen).mean(0, keepdim=True)
        for name, y_BCTHW in answers.items():
            scores.setdefault(name, []).append(psnr_db(y_BCTHW, x_BCTHW))
        bits.append(lfq.vectors(codes_BTHW, model.config.codebook_bits).mean((2, 3, 4)).cpu())
    found = {name: float(torch.cat(values).mean()) for name, values in scores.items()}
    return found, torch.cat(bits).mean(0) if bits else torch.zeros(model.config.codebook_bits)


def psnr_db(y_BCTHW: Tensor, x_BCTHW: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each clip (B,), for pixels in [-1, 1]; at most 60 dB."""
    return -10 * torch.log10(((y_BCTHW - x_BCTHW) / 2).square().mean((1, 2, 3, 4)).clamp(min=1e-6))


@torch.no_grad()
def sheet(config: Config, model: Model, clips: Clips) -> Pixels:
    """Return a few held-out clips of every folder as one image (H, W, 3), each original beside its reconstruction."""
    device, rows, roots = next(model.parameters()).device, [], _roots(clips)
    for form, root in product(_forms(config)[:2], roots):
        for x_BCTHW in _batches(clips, form, max(2, SHEET_CLIPS // len(roots)), device, root):
            y_BCTHW = model.decode(model.encode(x_BCTHW))
            pair = (to_bytes(v_BCTHW).cpu().numpy() for v_BCTHW in (x_BCTHW, y_BCTHW))
            rows += [list(clips_of_row) for clips_of_row in zip(*pair, strict=True)]
    return contact_sheet(rows) if rows else np.zeros((config.formats.height_px, config.formats.width_px, 3), np.uint8)


def _frames(config: Config) -> int:
    return config.formats.clip_frames if config.architecture.kernel_t > 1 else 1


def _forms(config: Config) -> tuple[Format, ...]:
    frames, formats = _frames(config), config.formats
    base = formats.of(frames, "square")
    larger = (base.scaled(2), base.scaled(FINEST)) if frames > 1 else ()
    return (base, formats.of(frames, "portrait"), *larger)


def _roots(clips: Clips) -> list[str]:
    return sorted({clip.root for clip in clips})


def _batches(clips: Clips, form: Format, count: int, device: torch.device, root: str | None = None) -> Iterator[Tensor]:
    """Yield the first `count` clips of a format, of one folder or of all, as pixels in [-1, 1]."""
    fits = [
        i
        for i, clip in enumerate(clips)
        if clip.frames >= form.frames and clip.orientation == form.orientation and root in (None, clip.root)
    ][:count]
    for start in range(0, len(fits), BATCH):
        pixels = np.stack([clips.pixels(index, form) for index in fits[start : start + BATCH]])
        yield to_unit(torch.from_numpy(pixels).to(device))
