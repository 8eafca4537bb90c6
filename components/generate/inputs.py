"""Files of a person -> an order.

What a task takes is a table; anything missing, and anything that it does not take, is named before a model is loaded.
Pictures and clips are cut and resized to the format; sounds are cut, or followed by silence, to its length.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from components.common.formats import Format
from components.generate.config import Config
from components.generate.making import Order, Pixels, Wave
from components.language_model.tasks import TASKS, Task
from components.media import audio, images, pixels, video
from components.media.errors import Unreadable
from components.pretokenize import regions

TAKES: Final[dict[str, tuple[str, ...]]] = {  # a question mark: may be left out
    "unconditioned-image": (),
    "unconditioned-video": (),
    "text-to-image": ("prompt",),
    "text-to-video": ("prompt",),
    "image-to-video": ("image", "prompt?"),
    "frame-prediction": ("video",),
    "inpainting": ("video", "mask?"),
    "outpainting": ("video", "mask?"),
    "stylization": ("video", "prompt"),
    "audio-to-video": ("audio",),
    "video-to-audio": ("video",),
    "audio-video-continuation": ("image", "audio"),
}


@dataclass(frozen=True)
class Inputs:
    """What a person gives: words and files."""

    prompt: str = ""
    image: Path | None = None  # a picture, or a clip whose first frame counts
    video: Path | None = None
    mask: Path | None = None  # a picture: white is to be filled in
    audio: Path | None = None  # a sound, or a clip with sound

    def check(self, task: Task) -> None:
        """Raise ValueError unless the task's inputs, and no others, are there."""
        takes = TAKES[task.name]
        allowed = {name.rstrip("?") for name in takes}
        given = {field.name for field in fields(self) if getattr(self, field.name)}
        if missing := [needed for needed in takes if not needed.endswith("?") and needed not in given]:
            raise ValueError(f"{task.name} needs {' and '.join(f'--{one}' for one in missing)}")
        if extra := sorted(given - allowed):
            raise ValueError(f"{task.name} takes no {' or '.join(f'--{one}' for one in extra)}")
        for path in (self.image, self.video, self.mask, self.audio):
            if path is not None and not path.is_file():
                raise ValueError(f"there is no file {path}")


def task_of(name: str) -> Task:
    """Look a task up by its name; raises ValueError naming all of them."""
    if name not in TASKS:
        raise ValueError(f"no task {name}: choose one of {', '.join(sorted(TASKS))}")
    return TASKS[name]


def order_of(inputs: Inputs, task: Task, fmt: Format, config: Config, structure: Callable[[Pixels], Pixels]) -> Order:
    """Read what the task takes; `structure` makes flow and depth of a clip."""
    frames = masked = flow_and_depth = wave = None
    if task.frames == "first":
        frames = first_frame(_path(inputs.image), fmt)
    elif task.frames != "none":
        count = fmt.frames if task.frames == "whole" else config.given_frames
        frames = clip(_path(inputs.video), fmt, count, config.formats.fps)
    if task.masked != "none":
        shown = clip(_path(inputs.video), fmt, fmt.frames, config.formats.fps)
        masked = _masked(shown, inputs.mask, task, config)
    if task.structure:
        flow_and_depth = structure(clip(_path(inputs.video), fmt, fmt.frames, config.formats.fps))
    if task.sound != "none":
        wave = sound(_path(inputs.audio), fmt.frames, config)
    return Order(inputs.prompt, frames, masked, flow_and_depth, wave)


def first_frame(path: Path, fmt: Format) -> Pixels:
    """Read a picture, or the first frame of a clip, as a clip of one frame."""
    with _read(path, "holds no picture"):
        try:
            frame_HWC = images.read(path)
        except Unreadable as not_a_picture:
            frame_HWC = _first_of_clip(path, not_a_picture)
    return pixels.crop_and_resize(frame_HWC[None], fmt.height_px, fmt.width_px)


def _first_of_clip(path: Path, not_a_picture: Unreadable) -> Pixels:
    try:
        frame_HWC: Pixels = video.decode(path, fps=1, frames=1)[0]
    except Unreadable as error:
        raise not_a_picture if error.reason == "unreadable_container" else error from None
    return frame_HWC


def clip(path: Path, fmt: Format, frames: int, fps: int) -> Pixels:
    """Read the first frames of a clip; no more than one of them is held in its full size."""

    def fitted(frame_HWC: Pixels) -> Pixels:
        small_HWC: Pixels = pixels.crop_and_resize(frame_HWC[None], fmt.height_px, fmt.width_px)[0]
        return small_HWC

    with _read(path, f"gives no clip of {frames} frames at {fps} fps"):
        return video.decode(path, fps=fps, frames=frames, each=fitted)


def sound(path: Path, frames: int, config: Config) -> Wave:
    """Read a sound as long as so many frames, followed by silence where it is shorter."""
    rate_hz = config.formats.sample_rate_hz
    with _read(path, "gives no sound"):
        wave_S = audio.decode(path, sample_rate_hz=rate_hz, duration_s=config.formats.samples(frames) / rate_hz)
    if wave_S is None:
        raise ValueError(f"{path} has no sound")
    return wave_S


def _masked(frames_THWC: Pixels, mask: Path | None, task: Task, config: Config) -> Pixels:
    if mask is None:
        return regions.condition(frames_THWC, config.inpainted if task.masked == "inpaint" else config.outpainted)
    with _read(mask, "is no mask"):
        picture_HWC = images.read(mask)
    hidden_HW = pixels.crop_and_resize(picture_HWC[None], *frames_THWC.shape[1:3])[0].mean(axis=-1) >= 128
    return regions.filled(frames_THWC, hidden_HW)


@contextmanager
def _read(path: Path, words: str) -> Iterator[None]:
    """Name the file that cannot be read in a ValueError, with what is wrong with it."""
    try:
        yield
    except Unreadable as error:
        raise ValueError(f"{path} {words}: {error}") from None


def _path(path: Path | None) -> Path:
    assert path is not None, "check() comes first"
    return path
