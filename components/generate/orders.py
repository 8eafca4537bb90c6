"""Held-out clips -> orders: what a task is given of a real clip, and nothing more."""

from components.estimate_structure.data import Structures
from components.filter.data import Clips
from components.generate.config import Config
from components.generate.making import Order
from components.generate.selection import Chosen
from components.language_model.tasks import Task
from components.pretokenize import regions


def region_of(task: Task | None, config: Config) -> str:
    """The region that a masked task fills in, "" for other tasks."""
    match task and task.masked:
        case "inpaint":
            return config.inpainted
        case "outpaint":
            return config.outpainted
        case _:
            return ""


def given_frames(task: Task | None, config: Config) -> int:
    """Leading frames of the output that the task is given."""
    match task and task.frames:
        case "first":
            return 1
        case "any":
            return config.given_frames
        case _:
            return 0


def order_of(chosen: Chosen, config: Config, clips: Clips, structures: Structures) -> Order:
    """Read from a clip what the task is given of it."""
    task, fmt, row = chosen.task, chosen.fmt, chosen.row
    if task is None:
        return Order(chosen.prompt, frames=clips.pixels(row, fmt))
    frames = masked = structure = wave = None
    if task.frames != "none":
        pixels_THWC = clips.pixels(row, fmt)
        frames = pixels_THWC if task.frames == "whole" else pixels_THWC[: given_frames(task, config)]
    if task.masked != "none":
        region = config.inpainted if task.masked == "inpaint" else config.outpainted
        masked = regions.condition(clips.pixels(row, fmt), region)
    if task.structure:
        structure = structures.pixels(clips[row].clip_id)
    if task.sound != "none":
        wave = clips.samples(row, fmt.frames if task.sound == "whole" else given_frames(task, config))
    return Order(chosen.prompt, frames, masked, structure, wave)
