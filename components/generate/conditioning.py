"""Held-out clips -> inputs of samples: the parts of a real clip that a task is given, and no others."""

from components.estimate_structure.data import Structures
from components.filter.data import Clips
from components.generate.config import Config
from components.generate.generator import SampleInputs
from components.generate.selection import SampleSpec
from components.language_model.tasks import Task
from components.pretokenize import regions


def region_of(task: Task | None, config: Config) -> str:
    """Return the region that a masked task fills in; "" for other tasks."""
    match task and task.masked:
        case "inpaint":
            return config.inpainted
        case "outpaint":
            return config.outpainted
        case _:
            return ""


def given_frames(task: Task | None, config: Config) -> int:
    """Return the number of leading frames of the output that the task is given."""
    match task and task.frames:
        case "first":
            return 1
        case "any":
            return config.given_frames
        case _:
            return 0


def sample_inputs(spec: SampleSpec, config: Config, clips: Clips, structures: Structures) -> SampleInputs:
    """Read the inputs of a sample from its clip."""
    task, fmt, row = spec.task, spec.fmt, spec.row
    if task is None:
        return SampleInputs(spec.prompt, frames=clips.pixels(row, fmt))
    frames = masked = structure = wave = None
    if task.frames != "none":
        pixels_THWC = clips.pixels(row, fmt)
        frames = pixels_THWC if task.frames == "whole" else pixels_THWC[: given_frames(task, config)]
    if task.masked != "none":
        region = config.inpainted if task.masked == "inpaint" else config.outpainted
        masked = regions.condition(clips.pixels(row, fmt), region)
    if task.structure:
        structure = structures.pixels(clips[row].clip_id)
    if task.audio != "none":
        wave = clips.samples(row, fmt.frames if task.audio == "whole" else given_frames(task, config))
    return SampleInputs(spec.prompt, frames, masked, structure, wave)
