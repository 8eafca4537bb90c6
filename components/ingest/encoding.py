"""Arrays -> a row of an artefact of clips: the one place that decides how clips are stored.

Shapes: T frames, H rows, W columns, C colours; P = 3/2 · H rows of planes (`media.frames`).
"""

import numpy as np

from components.common.formats import Formats
from components.ingest import ops
from components.ingest.data import AudioState, Clip, Pixels, Row, Samples
from components.media import audio, images, video
from components.media.frames import Planes

JPEG_QUALITY = 95


def picture(pixels_HWC: Pixels, *, formats: Formats, source_sha256: str, start_s: float = 0.0) -> Row:
    """Encode a picture; what its source says of it stays empty."""
    height_px, width_px = pixels_HWC.shape[:2]
    clip = _known(1, height_px, width_px, formats, source_sha256, start_s)
    return Row(clip, images.encode_jpeg(pixels_HWC, quality=JPEG_QUALITY), b"")


def clip(
    planes_TPW: Planes,
    samples_S: Samples | None,
    *,
    formats: Formats,
    source_sha256: str,
    start_s: float = 0.0,
    crf: int = 16,
) -> Row:
    """Encode a clip and measure it; what its source says of it stays empty. Height and width must be even.

    Sound is padded or cut to the length of the pictures.
    """
    frames, height_px = len(planes_TPW), planes_TPW.shape[1] * 2 // 3
    sound = b""
    if samples_S is not None:
        exact = np.zeros(formats.samples(frames), np.float32)
        exact[: len(samples_S)] = samples_S[: len(exact)]
        sound = audio.encode_flac(exact, sample_rate_hz=formats.sample_rate_hz)
    known = _known(
        frames,
        height_px,
        planes_TPW.shape[2],
        formats,
        source_sha256,
        start_s,
        audio_state=ops.audio_state(samples_S),
        motion=ops.motion(planes_TPW),
    )
    return Row(known, video.encode_mp4(planes_TPW, fps=formats.fps, crf=crf), sound)


def _known(
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
        licence="",
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
