"""Held-out clips -> specifications of samples.

Clips are taken in the order of their ids, which are hashes. For text-to-video, combinations of attributes that no
training clip has come first, then the others; a caption is repeated only after all others were used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from components.common.formats import Format, Formats
from components.filter import baseline_clips
from components.filter.combinations import TrainedCombinations
from components.filter.data import Clip, Clips
from components.generate.config import SampleCounts
from components.language_model.tasks import SUPER_RESOLUTION, TASKS, Task


@dataclass(frozen=True)
class SampleSpec:
    """One sample to generate: its task, its prompt, and the row of its clip (-1 for a prompt without clip)."""

    task: Task | None  # None: the real clip itself is upsampled
    fmt: Format
    row: int
    prompt: str
    unseen: bool  # True if no training clip has these attributes together
    attributes: dict[str, str]

    @property
    def name(self) -> str:
        """Name of the task in parameters, files and tables."""
        return self.task.name if self.task else SUPER_RESOLUTION


class Selection:
    """Held-out clips, and the combinations of attributes of all clips that were ever trained on."""

    def __init__(self, clips: Clips, formats: Formats):
        self.clips, self.formats = clips, formats
        rows = sorted(range(len(clips)), key=lambda row: clips[row].clip_id)
        self.held_out = [row for row in rows if clips[row].split == "heldout"]
        trained = (clip.attributes for clip in baseline_clips.clips(clips.folder) if clip.split == "train")
        self.trained = TrainedCombinations(trained)

    def all(self, counts: SampleCounts, prompts: Sequence[str]) -> list[SampleSpec]:
        """Return all samples of the language models, sorted by task and format."""
        specs: list[SampleSpec] = []
        for task in TASKS.values():
            fmt = self.formats.image if task.media == "image" else self.formats.clip
            specs += self.of_task(task, fmt, counts.tasks[task.name])
        text_to_video = TASKS["text_to_video"]
        specs += self.of_task(text_to_video, self.formats.clip_portrait, counts.text_to_video_portrait)
        specs += self.of_task(text_to_video, self.formats.long, counts.text_to_video_long)
        specs += [SampleSpec(text_to_video, self.formats.clip, -1, prompt, False, {}) for prompt in prompts]
        return sorted(specs, key=lambda one: (one.name, one.fmt.name))

    def real(self, fmt: Format, count: int) -> list[SampleSpec]:
        """Return up to `count` real clips to upsample."""
        return [self._spec(None, fmt, row) for row in self.rows(fmt, lambda clip: True)][:count]

    def of_task(self, task: Task, fmt: Format, count: int) -> list[SampleSpec]:
        """Return `count` samples of a task; none if no clip qualifies."""
        if not (task.text or task.frames != "none" or task.masked != "none" or task.needs_audio):
            return [SampleSpec(task, fmt, -1, "", False, {})] * count
        rows = self.rows(fmt, lambda clip: _qualifies(clip, task))
        specs = [self._spec(task, fmt, row) for row in rows]
        if task.text and task.frames == "none" and not task.structure:
            specs = _once_each(sorted(specs, key=lambda one: not one.unseen))
        return list(islice(cycle(specs), count)) if specs else []

    def rows(self, fmt: Format, qualifies: Callable[[Clip], bool]) -> list[int]:
        """Return the rows of held-out clips that fit `fmt` and qualify."""
        return [
            row
            for row in self.held_out
            if (clip := self.clips[row]).frames >= fmt.frames
            and (clip.kind == "video") == (fmt.frames > 1)
            and clip.orientation == fmt.orientation
            and qualifies(clip)
        ]

    def _spec(self, task: Task | None, fmt: Format, row: int) -> SampleSpec:
        clip = self.clips[row]
        unseen = self.trained.lack(clip.attributes)
        return SampleSpec(
            task, fmt, row, clip.caption if task is None or task.text else "", unseen, dict(clip.attributes)
        )


def _qualifies(clip: Clip, task: Task) -> bool:
    return (bool(clip.caption) or not task.text) and (clip.audio_state == "audible" or not task.needs_audio)


def _once_each(specs: Sequence[SampleSpec]) -> list[SampleSpec]:
    """Keep the first sample of each prompt."""
    return list({one.prompt: one for one in reversed(specs)}.values())[::-1]
