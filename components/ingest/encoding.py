"""Arrays -> an encoded clip: the only place that decides how clips are stored.

Shapes: T frames, H rows, W columns, C channels; P = 3/2 · H rows of planes (`media.frames`).
"""

import numpy as np

from components.common.formats import Formats
from components.ingest import ops
from components.ingest.data import AudioState, Clip, EncodedClip, Samples
from components.media import audio, images, video
from components.media.arrays import Pixels
from components.media.frames import Planes

JPEG_QUALITY = 95


def encode_image(pixels_HWC: Pixels, *, formats: Formats, source_sha256: str, start_s: float = 0.0) -> EncodedClip:
    """Encode an image; the metadata of its source stay empty."""
    height_px, width_px = pixels_HWC.shape[:2]
    clip = _metadata(1, height_px, width_px, formats, source_sha256, start_s)
    return EncodedClip(clip, images.encode_jpeg(pixels_HWC, quality=JPEG_QUALITY), b"")


def encode_clip(
    planes_TPW: Planes,
    samples_S: Samples | None,
    *,
    formats: Formats,
    source_sha256: str,
    start_s: float = 0.0,
    crf: int = 16,
) -> EncodedClip:
    """Encode a clip and measure its motion; the metadata of its source stay empty. Height and width must be even.

    Audio is padded or cut to the length of the frames.
    """
    frames, height_px = len(planes_TPW), planes_TPW.shape[1] * 2 // 3
    encoded_audio = b""
    if samples_S is not None:
        exact = np.zeros(formats.samples(frames), np.float32)
        exact[: len(samples_S)] = samples_S[: len(exact)]
        encoded_audio = audio.encode_flac(exact, sample_rate_hz=formats.sample_rate_hz)
    clip = _metadata(
        frames,
        height_px,
        planes_TPW.shape[2],
        formats,
        source_sha256,
        start_s,
        audio_state=ops.audio_state(samples_S),
        motion=ops.motion(planes_TPW),
    )
    return EncodedClip(clip, video.encode_mp4(planes_TPW, fps=formats.fps, crf=crf), encoded_audio)


def _metadata(
    frames: int,
    height_px: int,
    width_px: int,
    formats: Formats,
    source_sha256: str,
    start_s: float,
    audio_state: AudioState = "none",
    motion: float = 0.0,
) -> Clip:
    return Clip(
        clip_id=ops.clip_id(source_sha256, start_s, frames, formats.fps),
        source_sha256=source_sha256,
        kind="image" if frames == 1 else "video",
        split="",
        caption="",
        license="",
        root="",
        frames=frames,
        orientation=ops.orientation(height_px, width_px, formats),
        start_s=start_s,
        end_s=start_s if frames == 1 else start_s + frames / formats.fps,
        height_px=height_px,
        width_px=width_px,
        audio_state=audio_state,
        motion=motion,
        attributes={},
    )
