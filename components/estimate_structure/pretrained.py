"""Flow and depth by public networks: Perceiver IO and DPT, from folders in Hugging Face format.

Frames are resized to the size that a network was trained at; its output is resized back to the frames' own size, with
flow in pixels of that size.

Shapes: T frames, H height, W width, C channels, P values of a 3×3 patch.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DPTForDepthEstimation, PerceiverForOpticalFlow

from components.estimate_structure.ops import Floats, last_repeated
from components.media.arrays import Pixels


class PerceiverFlow:
    """Optical flow between successive frames."""

    def __init__(self, folder: Path):
        model = PerceiverForOpticalFlow.from_pretrained(folder, local_files_only=True)
        self.size = _pair(model.config.train_size)
        self.model, self.device = _ready(model)

    @torch.no_grad()
    def __call__(self, frames_THWC: Pixels) -> Floats:
        """Return the flow to the next frame in pixels, (T, H, W, 2) right and down; the last frame's is repeated."""
        height, width = frames_THWC.shape[1:3]
        unit_TCHW = _resized(_channels_first(frames_THWC) / 127.5 - 1, self.size)
        patches_TPHW = patches(unit_TCHW).to(self.device)
        scale_2 = torch.tensor([width / self.size[1], height / self.size[0]])
        flow = [np.zeros((0, height, width, 2), np.float32)]
        for pair_2PHW in pairwise(patches_TPHW):
            flow_1HW2 = self.model(inputs=torch.stack(pair_2PHW)[None]).logits.float().cpu()
            back_12HW = _resized(flow_1HW2.permute(0, 3, 1, 2), (height, width))
            flow.append((back_12HW.permute(0, 2, 3, 1) * scale_2).numpy())
        return last_repeated(np.concatenate(flow))


class DptDepth:
    """Relative nearness of each frame on its own."""

    def __init__(self, folder: Path):
        model = DPTForDepthEstimation.from_pretrained(folder, local_files_only=True)
        self.model, self.device = _ready(model)
        self.size = _pair(model.config.image_size)
        prepare = json.loads((folder / "preprocessor_config.json").read_text())
        self.mean_C11, self.deviation_C11 = (
            torch.tensor(prepare[name])[:, None, None] for name in ("image_mean", "image_std")
        )

    @torch.no_grad()
    def __call__(self, frames_THWC: Pixels) -> Floats:
        """Return nearness (T, H, W) on the network's own scale."""
        resized_TCHW = _resized(_channels_first(frames_THWC) / 255, self.size)
        unit_TCHW = ((resized_TCHW - self.mean_C11) / self.deviation_C11).to(self.device)
        near = [self.model(pixel_values=frame_CHW[None]).predicted_depth.float().cpu() for frame_CHW in unit_TCHW]
        near_T1HW = _resized(torch.cat(near)[:, None], frames_THWC.shape[1:3])
        result: NDArray[np.float32] = near_T1HW[:, 0].numpy()
        return result


def patches(unit_TCHW: Tensor) -> Tensor:
    """Return each pixel's 3×3 neighborhood as channels (T, 27, H, W): position by position, colors together."""
    size = unit_TCHW.shape[-2:]
    by_color = F.unfold(unit_TCHW, kernel_size=3, padding=1).unflatten(1, (unit_TCHW.shape[1], 9))
    patches_TPHW: Tensor = by_color.transpose(1, 2).flatten(1, 2).unflatten(-1, size)
    return patches_TPHW


def _channels_first(frames_THWC: Pixels) -> Tensor:
    return torch.from_numpy(frames_THWC).permute(0, 3, 1, 2).float()


def _resized(x_TCHW: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(x_TCHW, size=size, mode="bilinear", align_corners=False, antialias=True)


def _ready(model: nn.Module) -> tuple[nn.Module, torch.device]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return model.to(device).eval().requires_grad_(False), device


def _pair(size: int | Sequence[int] | None) -> tuple[int, int]:
    """Return height and width from a network's configuration, where one number means a square."""
    assert size is not None
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))
