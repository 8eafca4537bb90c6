"""The tasks of the whole pipeline, each in one entry (paper, §4.1).

An entry holds what the language model learns (the prefix and the output), what a request on the command line takes,
which adapted model serves the task, and what evaluation measures. Counts in params.yaml, `generate`, `evaluate` and the
report follow this table: a new task needs an entry here, its weight and its count in params.yaml, and a function in
`evaluate` if it brings a new metric group.

The task token names the *kind of output*, so every task that generates plain images or video shares one, whether or not
text, frames or audio are given. Where leading frames are given (image-to-video, frame prediction, continuation) the
output is the rest of the clip's latent frames. Inpainted, outpainted and stylized clips are output whole.
"""

from dataclasses import dataclass
from typing import Final, Literal

Input = Literal["prompt", "image", "video", "mask", "audio"]
AdaptedModel = Literal["base", "text_to_video", "image_to_video", "video_to_audio"]
MetricGroup = Literal[
    "prompt", "distribution", "continuation", "copied_frame", "attributes", "masked_region", "structure", "audio"
]


@dataclass(frozen=True)
class Task:
    """One task: its sequence, the inputs of a request, its model and its metrics."""

    name: str
    """Name in parameters, files, tables and scores."""

    token: str
    """Task token of the prefix."""

    media: Literal["image", "video"]
    """Kind of clips that train the task."""

    text: bool = False
    """True if the caption is part of the prefix."""

    frames: Literal["none", "first", "any", "whole"] = "none"
    """Leading latent frames that are given and not output again."""

    masked: Literal["none", "inpaint", "outpaint"] = "none"
    """Kind of region whose masked pixels are given as tokens (COMMIT)."""

    structure: bool = False
    """True if tokens of optical flow and depth are given, after the first frame where that is given too."""

    audio: Literal["none", "whole", "start"] = "none"
    """Audio that is given; "start" lasts as long as the given frames."""

    makes_visual: bool = True
    """True if visual tokens are output."""

    makes_audio: bool = False
    """True if audio tokens are output."""

    ends: bool = True
    """True if the sequence closes with <eos>."""

    inputs: tuple[Input, ...] = ()
    """Options that a request must give, by name."""

    optional_inputs: tuple[Input, ...] = ()
    """Options that a request may give."""

    model: AdaptedModel = "base"
    """Model that generates: an adapted one, or the pre-trained base model."""

    metrics: tuple[MetricGroup, ...] = ()
    """Groups of measures that evaluation takes, in order; `evaluate/scoring.py` maps them to functions."""

    @property
    def option(self) -> str:
        """Spelling with hyphens, as the value of the command line's `--task`.

        The only other user is the seed of held-out losses, whose value is older than the name with underscores.
        """
        return self.name.replace("_", "-")

    @property
    def output_starts(self) -> bool:
        """True if the output begins after the given frames instead of at the first one."""
        return self.frames != "none" and self.makes_visual

    @property
    def needs_audio(self) -> bool:
        """True if only clips with audible audio qualify."""
        return self.makes_audio or self.audio != "none"


SUPER_RESOLUTION: Final = "super_resolution"
"""Name of samples that show real clips enlarged, which is no task of the language model."""

TASKS: Final[dict[str, Task]] = {
    task.name: task
    for task in (
        Task(
            "text_to_video",
            "<visual>",
            "video",
            text=True,
            inputs=("prompt",),
            model="text_to_video",
            metrics=("prompt",),
        ),
        Task(
            "text_to_image",
            "<visual>",
            "image",
            text=True,
            ends=False,
            inputs=("prompt",),
            model="text_to_video",
            metrics=("prompt",),
        ),
        Task(
            "image_to_video",
            "<visual>",
            "video",
            text=True,
            frames="first",
            inputs=("image",),
            optional_inputs=("prompt",),
            model="image_to_video",
            metrics=("continuation", "copied_frame"),
        ),
        Task("frame_prediction", "<visual>", "video", frames="any", inputs=("video",), metrics=("continuation",)),
        Task(
            "inpainting",
            "<inpainted>",
            "video",
            masked="inpaint",
            inputs=("video",),
            optional_inputs=("mask",),
            metrics=("masked_region",),
        ),
        Task(
            "outpainting",
            "<outpainted>",
            "video",
            masked="outpaint",
            inputs=("video",),
            optional_inputs=("mask",),
            metrics=("masked_region",),
        ),
        Task(
            "stylization",
            "<stylized>",
            "video",
            text=True,
            structure=True,
            inputs=("video", "prompt"),
            metrics=("structure", "attributes"),
        ),
        Task(
            "video_to_audio",
            "<audio>",
            "video",
            frames="whole",
            makes_visual=False,
            makes_audio=True,
            inputs=("video",),
            model="video_to_audio",
            metrics=("audio",),
        ),
        Task("audio_to_video", "<visual>", "video", audio="whole", inputs=("audio",), metrics=("attributes",)),
        Task(
            "audio_video_continuation",
            "<audio_visual>",
            "video",
            frames="first",
            audio="start",
            makes_audio=True,
            inputs=("image", "audio"),
            metrics=("continuation", "audio"),
        ),
        Task("unconditioned_video", "<visual>", "video", metrics=("distribution",)),
        Task("unconditioned_image", "<visual>", "image", metrics=("distribution",)),
    )
}
