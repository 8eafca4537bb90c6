"""A task -> a sentence that says what it is given and what it generates."""

from components.common.pages import formatting
from components.language_model.tasks import SUPER_RESOLUTION, TASKS, Task


def takes_media(name: str) -> bool:
    """Return True if samples start from a real clip, so that the two are worth comparing."""
    task = TASKS.get(name)
    if task is None:
        return name == SUPER_RESOLUTION
    return any(name != "prompt" for name in task.inputs)


def order(name: str) -> tuple[bool, bool, int]:
    """Sort key: tasks with a prompt first, then clips before images, then as the language model lists them."""
    task = TASKS.get(name)
    if task is None:
        return (True, True, len(TASKS) + (name == SUPER_RESOLUTION))
    return (not task.text, task.media == "image", list(TASKS).index(name))


def described(name: str) -> str:
    """One sentence; empty for a name that is no task."""
    if name == SUPER_RESOLUTION:
        return "Each stage doubles height and width. The largest is shown at its true size, the others enlarged."
    task = TASKS.get(name)
    if task is None:
        return ""
    visual = [("an image" if task.media == "image" else "a video")] if task.makes_visual else []
    made = formatting.listed([*visual, *(["its audio"] if task.makes_audio else [])])
    return f"From {formatting.listed(_given(task)) or 'nothing'}: {made}."


def _given(task: Task) -> list[str]:
    possible = (
        (task.text, "a prompt"),
        (task.frames == "first", "a first frame"),
        (task.frames == "any", "the first frames"),
        (task.frames == "whole", "a video"),
        (task.masked == "inpaint", "a video with its middle masked"),
        (task.masked == "outpaint", "the middle of a video"),
        (task.structure, "optical flow and depth"),
        (task.audio == "whole", "audio"),
        (task.audio == "start", "the start of its audio"),
    )
    return [text for there, text in possible if there]
