"""One file -> its clips, or the reason why there are none. Runs in a worker process, since any file may be hostile.

Sizes are read from headers and refused before anything is decoded. A damaged video gives what decodes before the
damage, if that is long enough for a clip; a damaged image gives nothing. An undamaged video without a shot as long as a
clip, but longer than half of one, gives an image.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from components.corpus.data import Source
from components.ingest import encoding, ops
from components.ingest.config import Config
from components.ingest.data import EncodedClip, Samples
from components.ingest.shots import Shots
from components.media import audio, images, pixels, sniff, video
from components.media.errors import Unreadable
from components.media.frames import Planes, check_size, to_pixels


def rows_of(path: Path, source: Source, config: Config) -> list[EncodedClip]:
    """Decode, cut and encode one file; raises Unreadable. Metadata of the source are not filled in."""
    head = _checked(path, source)
    match sniff.kind_of(head):
        case "image":
            return [_image(path, source, config)]
        case "video":
            try:
                return _clips(path, source, config)
            except Unreadable as error:
                if sniff.looks_encrypted(head) and error.reason in ("decode_error", "unreadable_container"):
                    raise Unreadable("encrypted_or_undecodable", error.detail) from error
                raise
        case None:
            raise Unreadable("not_media", "its first bytes belong to no kind of media known here")


def _checked(path: Path, source: Source) -> bytes:
    """Return the first bytes of a file, after checking that it is still the one that was added."""
    try:
        with path.open("rb") as file:
            head = file.read(sniff.HEAD_BYTES)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unreadable("missing_file", error.strerror or type(error).__name__) from error
    if not head:
        raise Unreadable("empty_file", "0 bytes")
    if sha256 != source.sha256:
        raise Unreadable("changed_file", "not the bytes that were added: add the source again")
    return head


def _image(path: Path, source: Source, config: Config) -> EncodedClip:
    image_HWC = images.read(path, max_pixels=config.max_pixels)
    small_HWC = pixels.resize(image_HWC, *_fit(config, *image_HWC.shape[:2]))
    return encoding.encode_image(small_HWC, formats=config.formats, source_sha256=source.sha256)


def _clips(path: Path, source: Source, config: Config) -> list[EncodedClip]:
    frames = DecodedFrames(path, config)
    spans = list(ops.spans(frames, config.formats, most=config.spans_per_source, shot=frames.shots.number))
    if not spans and frames.still is not None and frames.damage is None:
        start_s, planes = frames.still
        image_HWC = to_pixels(planes)
        return [encoding.encode_image(image_HWC, formats=config.formats, source_sha256=source.sha256, start_s=start_s)]
    if not spans:
        raise frames.reason()
    samples, origin_s = _audio(path, spans, config)
    return [
        encoding.encode_clip(
            span.planes,
            _from(samples, span.start_s - origin_s, config),
            formats=config.formats,
            source_sha256=source.sha256,
            start_s=span.start_s,
            crf=config.crf,
        )
        for span in spans
    ]


class DecodedFrames:
    """Frames of a file until its end or its first damage; afterwards, their number and the damage."""

    def __init__(self, path: Path, config: Config):
        self.path, self.config = path, config
        self.count = 0
        self.shots = Shots(change=config.shot_change, ratio=config.shot_ratio)
        self.still: tuple[float, Planes] | None = None  # the first frame after half a clip
        self.damage: Unreadable | None = None

    def __iter__(self) -> Iterator[tuple[float, Planes]]:
        fps, fit = self.config.formats.fps, partial(_fit, self.config)
        waiting: deque[tuple[float, Planes]] = deque()  # until their shots are known
        try:
            for timed_frame in video.read_planes(self.path, fps=fps, fit=fit, watch=self.shots.watch):
                self.count += 1
                if 2 * self.count > self.config.formats.clip_frames and self.still is None:
                    self.still = timed_frame
                waiting.append(timed_frame)
                while waiting and self.shots.knows(waiting[0][0]):
                    yield waiting.popleft()
        except Unreadable as damage:
            self.damage = damage
        self.shots.end()
        yield from waiting

    def reason(self) -> Unreadable:
        """Return why there is no span."""
        if self.damage:
            return self.damage
        if self.count == 0:
            return Unreadable("no_frames", "no picture came out")
        formats = self.config.formats
        return Unreadable("too_short", f"{self.count} of {formats.clip_frames} frames at {formats.fps} fps")


def _audio(path: Path, spans: list[ops.Span], config: Config) -> tuple[Samples | None, float]:
    """Return the audio from the first span's start to the last one's end, and its start in seconds."""
    start_s = spans[0].start_s
    duration_s = spans[-1].start_s + len(spans[-1].planes) / config.formats.fps - start_s
    rate_hz = config.formats.sample_rate_hz
    return audio.decode(path, sample_rate_hz=rate_hz, start_s=start_s, duration_s=duration_s), start_s


def _from(samples_S: Samples | None, offset_s: float, config: Config) -> Samples | None:
    return None if samples_S is None else samples_S[round(offset_s * config.formats.sample_rate_hz) :]


def _fit(config: Config, height_px: int, width_px: int) -> tuple[int, int]:
    """Return the stored size, which is what the last super-resolution stage can use; raises Unreadable."""
    check_size(height_px, width_px, config.max_pixels)
    if min(height_px, width_px) < config.min_side_px:
        raise Unreadable("resolution_too_small", f"{width_px}×{height_px} pixels, the least is {config.min_side_px}")
    form = config.formats.of(1, ops.orientation(height_px, width_px, config.formats)).scaled(config.scale)
    return pixels.cover(height_px, width_px, form.height_px, form.width_px)
