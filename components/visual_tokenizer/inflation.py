"""An image tokenizer's weights -> a video tokenizer that treats a still image the same.

The last slice of a causal kernel sees the current frame, so the image kernel goes there and the past starts at
zero. Where depth becomes time, the image channels are repeated for every new frame. On one frame, both networks
then compute the same.
"""

import torch
from torch import Tensor, nn

from components.visual_tokenizer.layers import Upsample
from components.visual_tokenizer.model import Model


@torch.no_grad()
def inflate(image: Model, video: Model) -> None:
    """Overwrite `video`'s weights with `image`'s; raises ValueError if the two differ other than in time.

    A network of the same shape is copied, so that a training may also start from a video tokenizer.
    """
    ours, theirs = video.config, image.config
    if ours == theirs:
        video.load_state_dict(image.state_dict())
        return
    alike = ("stem", "stem_px", "channels", "multipliers", "blocks", "middle_blocks", "strides_px", "codebook_bits")
    different = [name for name in alike if getattr(ours, name) != getattr(theirs, name)]
    if different:
        raise ValueError(f"architecture: {', '.join(different)} must be those of the initial image tokenizer")
    source = image.state_dict()
    times = {f"{name}.conv.conv": layer.stride for name, layer in video.named_modules() if isinstance(layer, Upsample)}
    for name, parameter in video.named_parameters():
        value = source[name]
        if (stride := times.get(name.rpartition(".")[0])) is not None:
            value = _repeat_over_time(value, *stride)
        parameter.copy_(_last_slice(value, parameter))


def _repeat_over_time(value: Tensor, frames: int, rows: int, columns: int) -> Tensor:
    """Channels ordered (channel, row, column) to (channel, frame, row, column)."""
    channels = value.reshape(-1, 1, rows * columns, *value.shape[1:])
    return channels.expand(-1, frames, *channels.shape[2:]).flatten(0, 2)


def _last_slice(value: Tensor, like: nn.Parameter) -> Tensor:
    if value.shape == like.shape:
        return value
    inflated = torch.zeros_like(like)
    inflated[:, :, -1:] = value
    return inflated
