"""Videos with transparency -> opaque frames over white, as for images.

WebM stores alpha beside each frame, where only libvpx's decoders look for it. Alpha is taken to be straight, as in
ProRes and WebM: colors are not premultiplied by it.

Shapes: H rows, W columns, A = red, green, blue and alpha.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from av import CodecContext, VideoFrame
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

Levels = npt.NDArray[np.unsignedinteger[Any]]
MODE = "alpha_mode"
DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Yield the frames of a stream, with alpha where there is any. Raises FFmpeg's errors."""
    name = DECODERS.get(stream.codec_context.name)
    if name is None or not _is_transparent(stream):
        yield from container.decode(stream)
        return
    context = CodecContext.create(name, "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    for packet in container.demux(stream):
        yield from context.decode(packet)


def has_alpha(frame: VideoFrame) -> bool:
    """Return True if a frame has an alpha channel."""
    return any(component.is_alpha for component in frame.format.components)


def over_white(pixels_HWA: Levels) -> Levels:
    """Composite pixels over white: (H, W, 3) of the same depth, 8 or 16 bits."""
    most = np.iinfo(pixels_HWA.dtype).max
    wide_HWA = pixels_HWA.astype(np.dtype(f"u{2 * pixels_HWA.itemsize}"))
    colors, alpha = wide_HWA[..., :3], wide_HWA[..., 3:]
    seen: Levels = ((colors * alpha + (most - alpha) * most + most // 2) // most).astype(pixels_HWA.dtype)
    return seen


def _is_transparent(stream: VideoStream) -> bool:
    return any(key.lower() == MODE and value == "1" for key, value in stream.metadata.items())
