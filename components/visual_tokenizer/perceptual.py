"""Perceptual distance of images: unit-normalized features of VGG-16 (LPIPS without its learned weights).

The weights are those of torchvision's `vgg16`, as a safetensors file with its names (`features.0.weight`, …), fetched
by the stage `pretrained`. Shapes: B clips, T frames, H height, W width, C channels; pixels in [-1, 1].
"""

from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

NAME: Final = "vgg16"  # in `pretrained.models`
WIDTHS: Final = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Perceptual(nn.Module):
    """Mean squared distance of the features after each of VGG's five stages, frame by frame."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, self.taps = 3, list[int]()
        for number, widths in enumerate(WIDTHS):
            if number:
                layers.append(nn.MaxPool2d(2))
            for width in widths:
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            self.taps.append(len(layers) - 1)
        self.features = nn.ModuleList(layers)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(3, 1, 1), persistent=False)
        self.eval().requires_grad_(False)

    def forward(self, y_BCTHW: Tensor, x_BCTHW: Tensor) -> Tensor:
        """Return the distance of `y` to `x`, a scalar."""
        distances = [F.mse_loss(y, x) for y, x in zip(self._features(y_BCTHW), self._features(x_BCTHW), strict=True)]
        return torch.stack(distances).sum()

    def _features(self, x_BCTHW: Tensor) -> list[Tensor]:
        h_NCHW = (x_BCTHW.transpose(1, 2).flatten(0, 1) * 0.5 + 0.5 - self.mean) / self.deviation
        found = []
        for index, layer in enumerate(self.features):
            if isinstance(layer, nn.MaxPool2d) and min(h_NCHW.shape[2:]) < 2:
                break
            h_NCHW = layer(h_NCHW)
            if index in self.taps:
                found.append(F.normalize(h_NCHW, dim=1))
        return found


def load(pretrained: Path) -> Perceptual:
    """Read the network from the `pretrained` artifact; raises ValueError that names the missing weights."""
    found = sorted((pretrained / NAME).glob("*.safetensors"))
    if len(found) != 1:
        raise ValueError(
            f"losses.perceptual needs the weights of {NAME} as one safetensors file: name them in `pretrained.models`, "
            "or set losses.perceptual to 0"
        )
    network = Perceptual()
    state = {name: value for name, value in load_file(found[0]).items() if name.startswith("features.")}
    network.load_state_dict(state)
    return network
