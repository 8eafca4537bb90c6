"""Arrays -> a row of an artefact of clips: the one place that decides how clips are stored."""

import numpy as np

from components.common.formats import Formats
from components.ingest import ops
from components.ingest.data import Clip, Pixels, Row, Samples
from components.media import audio, images, video

JPEG_QUALITY = 95


def row(
    pixels_THWC: Pixels,
    samples_S: Samples | None,
    *,
    formats: Formats,
    source_sha256: str,
    start_s: float = 0.0,
    crf: int = 16,
) -> Row:
    """Encode one clip (one frame is a picture) and measure it; what the source says of it stays empty.

    Height and width must be even for a video. Sound is padded or cut to the length of the pictures.
    """
    frames, height_px, width_px = pixels_THWC.shape[:3]
    still = frames == 1
    sound = b""
    if samples_S is not None and not still:
        exact = np.zeros(formats.samples(frames), np.float32)
        exact[: len(samples_S)] = samples_S[: len(exact)]
        sound = audio.encode_flac(exact, sample_rate_hz=formats.sample_rate_hz)
    clip = Clip(
        clip_id=ops.clip_id(source_sha256, start_s, frames, formats.fps),
        source_sha256=source_sha256,
        kind="image" if still else "video",
        split="",
        caption="",
        licence="",
        root="",
        frames=frames,
        orientation=ops.orientation(height_px, width_px, formats),
        start_s=start_s,
        end_s=start_s if still else start_s + frames / formats.fps,
        height_px=height_px,
        width_px=width_px,
        audio_state=ops.audio_state(None if still else samples_S),
        motion=ops.motion(pixels_THWC),
        attributes={},
    )
    if still:
        return Row(clip, images.encode_jpeg(pixels_THWC[0], quality=JPEG_QUALITY), sound)
    return Row(clip, video.encode_mp4(pixels_THWC, fps=formats.fps, crf=crf), sound)
