"""seed -> media files with captions, like a user's folder of media.

The same seed gives the same bytes; files are rendered independently, so threads change nothing.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from components.common import artifacts
from components.common.progress import progress
from components.corpus import data, ops, plan
from components.corpus.config import Config
from components.media import images, video

LICENSE = "CC0-1.0"


def run(config: Config, *, output: Path) -> artifacts.Summary:
    """Render every item of the plan into `output`, with a table of sources beside them."""
    items = plan.items(config)
    with artifacts.fresh(output) as folder:
        for name in ("videos", "images"):
            (folder / name).mkdir()
        rendered = progress(_rendered(config, items), total=len(items), unit="files", label="corpus")
        data.write(folder / data.TABLE, [_store(folder, item, content) for item, content in rendered])
        counts = {
            "videos": config.videos,
            "images": config.images,
            "heldout": sum(item.split == "heldout" for item in items),
            "unseen_combinations": len({(i.shape, i.color, i.motion) for i in items if i.unseen}),
        }
        return artifacts.describe(folder, "corpus", inputs={}, counts=counts)


def _rendered(config: Config, items: list[plan.PlannedFile]) -> Iterator[tuple[plan.PlannedFile, bytes]]:
    with ThreadPoolExecutor(config.threads) as pool:
        yield from zip(items, pool.map(lambda item: _content(config, item), items), strict=True)


def _store(folder: Path, item: plan.PlannedFile, content: bytes) -> data.Source:
    (folder / item.path).write_bytes(content)
    attributes = {"shape": item.shape, "color": item.color}
    if item.motion:
        attributes |= {"motion": item.motion, "unseen": str(item.unseen).lower()}
    sha256 = hashlib.sha256(content).hexdigest()
    return data.Source(
        "", item.path, len(content), sha256, item.caption, LICENSE, split=item.split, attributes=attributes
    )


def _content(config: Config, item: plan.PlannedFile) -> bytes:
    form = config.formats.image_portrait if item.portrait else config.formats.image
    height_px, width_px = config.scale * form.height_px, config.scale * form.width_px
    height = height_px / width_px
    if not item.motion:
        still = ops.track(item, height, np.zeros(1, np.float32))
        frame = ops.frames(item, still, height_px, width_px)[0]
        return images.encode_png(frame) if item.path.endswith("png") else images.encode_jpeg(frame)
    seconds = config.long_seconds if item.long else config.seconds
    path = ops.track(item, height, _instants(round(seconds * config.fps)))
    frames = ops.frames(item, path, height_px, width_px)
    samples = round(seconds * config.sample_rate_hz)
    audio = None if item.audio == "none" else np.zeros(samples, np.float32)
    if item.audio == "audible":
        audio = ops.audio(item, ops.track(item, height, _instants(samples)), config.sample_rate_hz)
    return video.encode_mp4(
        frames,
        fps=config.fps,
        audio_S=audio,
        sample_rate_hz=config.sample_rate_hz,
        crf=config.crf,
        preset="superfast",
    )


def _instants(count: int) -> ops.Floats:
    return np.linspace(0, 1, count, endpoint=False, dtype=np.float32)
