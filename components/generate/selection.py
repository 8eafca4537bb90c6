"""Held-out clips -> what each task is asked to do with them.

Choices follow clip ids, which are hashes, and nothing else. For text-to-video, combinations of attributes that no
training clip shows come first, then the others; a caption is asked for once, until all have been, then again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from components.common.formats import Format, Formats
from components.filter import baseline_clips
from components.filter.data import Clip, Clips
from components.generate.config import Counts
from components.language_model.tasks import TASKS, Task


@dataclass(frozen=True)
class Chosen:
    """One sample to be: a task, its prompt, and the clip that it is taken from (-1 for a prompt without clip)."""

    task: Task | None  # None: the real clip itself is enlarged
    fmt: Format
    row: int
    prompt: str
    unseen: bool  # whether no training clip shows these attributes together
    attributes: dict[str, str]

    @property
    def name(self) -> str:
        """The task's name in parameters, files and tables."""
        return plain(self.task) if self.task else "super_resolution"


class Selection:
    """The held-out clips of a collection, and what all clips that were ever trained on show."""

    def __init__(self, clips: Clips, formats: Formats):
        self.clips, self.formats = clips, formats
        rows = sorted(range(len(clips)), key=lambda row: clips[row].clip_id)
        self.held_out = [row for row in rows if clips[row].split == "heldout"]
        self.trained = {_combination(clip) for clip in baseline_clips.clips(clips.folder) if clip.split == "train"}

    def all(self, counts: Counts, prompts: Sequence[str]) -> list[Chosen]:
        """Everything that the language models are asked for, by task and format."""
        chosen: list[Chosen] = []
        for task in TASKS.values():
            fmt = self.formats.image if task.media == "image" else self.formats.clip
            chosen += self.of_task(task, fmt, getattr(counts, plain(task)))
        text_to_video = TASKS["text-to-video"]
        chosen += self.of_task(text_to_video, self.formats.clip_portrait, counts.text_to_video_portrait)
        chosen += self.of_task(text_to_video, self.formats.long, counts.text_to_video_long)
        chosen += [Chosen(text_to_video, self.formats.clip, -1, prompt, False, {}) for prompt in prompts]
        return sorted(chosen, key=lambda one: (one.name, one.fmt.name))

    def real(self, fmt: Format, count: int) -> list[Chosen]:
        """Choose up to `count` real clips to be enlarged."""
        return [self._chosen(None, fmt, row) for row in self.rows(fmt, lambda clip: True)][:count]

    def of_task(self, task: Task, fmt: Format, count: int) -> list[Chosen]:
        """Choose `count` clips, fewer only where not one fits."""
        if not (task.text or task.frames != "none" or task.masked != "none" or task.needs_sound):
            return [Chosen(task, fmt, -1, "", False, {})] * count
        rows = self.rows(fmt, lambda clip: _qualifies(clip, task))
        chosen = [self._chosen(task, fmt, row) for row in rows]
        if task.text and task.frames == "none" and not task.structure:
            chosen = _once_each(sorted(chosen, key=lambda one: not one.unseen))
        return list(islice(cycle(chosen), count)) if chosen else []

    def rows(self, fmt: Format, qualifies: Callable[[Clip], bool]) -> list[int]:
        """Held-out clips that can be seen in `fmt` and qualify."""
        portrait = fmt.name.endswith("_portrait")
        return [
            row
            for row in self.held_out
            if (clip := self.clips[row]).frames >= fmt.frames
            and (clip.kind == "video") == (fmt.frames > 1)
            and (clip.orientation == "portrait") == portrait
            and qualifies(clip)
        ]

    def _chosen(self, task: Task | None, fmt: Format, row: int) -> Chosen:
        clip = self.clips[row]
        unseen = bool(clip.attributes) and _combination(clip) not in self.trained
        return Chosen(task, fmt, row, clip.caption if task is None or task.text else "", unseen, dict(clip.attributes))


def plain(task: Task) -> str:
    """A task's name with underscores."""
    return task.name.replace("-", "_")


def _qualifies(clip: Clip, task: Task) -> bool:
    return (bool(clip.caption) or not task.text) and (clip.audio_state == "audible" or not task.needs_sound)


def _combination(clip: Clip) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(clip.attributes.items()))


def _once_each(chosen: Sequence[Chosen]) -> list[Chosen]:
    """Keep the first of each prompt."""
    return list({one.prompt: one for one in reversed(chosen)}.values())[::-1]
