"""Files of a request -> inputs of a sample.

Inputs that are missing, and inputs that the task does not take, are named before a model is loaded. Images and clips
are cropped and resized to the format; audio is cut, or padded with silence, to its length.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from components.common.formats import Format
from components.generate.config import Config
from components.generate.generator import SampleInputs
from components.language_model.tasks import TASKS, Task
from components.media import audio, images, pixels, video
from components.media.arrays import Pixels, Wave
from components.media.errors import Unreadable
from components.pretokenize import regions


@dataclass(frozen=True)
class RequestInputs:
    """Inputs of a request: a prompt and files."""

    prompt: str = ""
    image: Path | None = None  # an image, or a clip whose first frame counts
    video: Path | None = None
    mask: Path | None = None  # an image: white is filled in
    audio: Path | None = None  # an audio file, or a clip with audio

    def check(self, task: Task) -> None:
        """Raise ValueError unless all inputs of the task, and no others, are given."""
        given = {field.name for field in fields(self) if getattr(self, field.name)}
        if missing := [name for name in task.inputs if name not in given]:
            raise ValueError(f"{task.option} needs {' and '.join(f'--{one}' for one in missing)}")
        if extra := sorted(given - {*task.inputs, *task.optional_inputs}):
            raise ValueError(f"{task.option} takes no {' or '.join(f'--{one}' for one in extra)}")
        for path in (self.image, self.video, self.mask, self.audio):
            if path is not None and not path.is_file():
                raise ValueError(f"there is no file {path}")


def task_of(name: str) -> Task:
    """Return the task of an option `--task`, spelled with hyphens; raises ValueError naming all tasks."""
    tasks = {task.option: task for task in TASKS.values()}
    if name not in tasks:
        raise ValueError(f"no task {name}: choose one of {', '.join(sorted(tasks))}")
    return tasks[name]


def read_inputs(
    inputs: RequestInputs, task: Task, fmt: Format, config: Config, structure: Callable[[Pixels], Pixels]
) -> SampleInputs:
    """Read the inputs of the task; `structure` estimates flow and depth of a clip."""
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
    if task.audio != "none":
        wave = read_audio(_path(inputs.audio), fmt.frames, config)
    return SampleInputs(inputs.prompt, frames, masked, flow_and_depth, wave)


def first_frame(path: Path, fmt: Format) -> Pixels:
    """Read an image, or the first frame of a clip, as a clip of one frame."""
    with _read(path, "holds no image"):
        try:
            frame_HWC = images.read(path)
        except Unreadable as not_an_image:
            frame_HWC = _first_of_clip(path, not_an_image)
    return pixels.crop_and_resize(frame_HWC[None], fmt.height_px, fmt.width_px)


def _first_of_clip(path: Path, not_an_image: Unreadable) -> Pixels:
    try:
        frame_HWC: Pixels = video.decode(path, fps=1, frames=1)[0]
    except Unreadable as error:
        raise not_an_image if error.reason == "unreadable_container" else error from None
    return frame_HWC


def clip(path: Path, fmt: Format, frames: int, fps: int) -> Pixels:
    """Read the first frames of a clip; at most one of them is in memory at full size."""

    def fitted(frame_HWC: Pixels) -> Pixels:
        small_HWC: Pixels = pixels.crop_and_resize(frame_HWC[None], fmt.height_px, fmt.width_px)[0]
        return small_HWC

    with _read(path, f"gives no clip of {frames} frames at {fps} fps"):
        return video.decode(path, fps=fps, frames=frames, each=fitted)


def read_audio(path: Path, frames: int, config: Config) -> Wave:
    """Read audio as long as `frames` frames, padded with silence."""
    rate_hz = config.formats.sample_rate_hz
    with _read(path, "gives no audio"):
        wave_S = audio.decode(path, sample_rate_hz=rate_hz, duration_s=config.formats.samples(frames) / rate_hz)
    if wave_S is None:
        raise ValueError(f"{path} has no audio")
    return wave_S


def _masked(frames_THWC: Pixels, mask: Path | None, task: Task, config: Config) -> Pixels:
    if mask is None:
        return regions.condition(frames_THWC, config.inpainted if task.masked == "inpaint" else config.outpainted)
    with _read(mask, "is no mask"):
        mask_HWC = images.read(mask)
    masked_HW = pixels.crop_and_resize(mask_HWC[None], *frames_THWC.shape[1:3])[0].mean(axis=-1) >= 128
    return regions.filled(frames_THWC, masked_HW)


@contextmanager
def _read(path: Path, words: str) -> Iterator[None]:
    """Raise ValueError that names an unreadable file and the reason."""
    try:
        yield
    except Unreadable as error:
        raise ValueError(f"{path} {words}: {error}") from None


def _path(path: Path | None) -> Path:
    assert path is not None, "check() comes first"
    return path
