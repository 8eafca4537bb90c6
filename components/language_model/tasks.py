"""What the language model learns to do: one entry for each task (paper, §4.1).

A task names what stands in the prefix and what comes out. The prompt token says what *kind of output* is wanted, so
every task that makes plain pictures or video shares one, whether or not text, frames or sound are given.

Where leading frames are given (image-to-video, frame prediction, continuation) the output is the rest of the clip's
latent frames. The painted and the stylised clip are output whole.
"""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Task:
    """What is given, and what is made."""

    name: str
    token: str
    media: Literal["image", "video"]
    text: bool = False
    frames: Literal["none", "first", "any", "whole"] = "none"  # leading latent frames that are given, not output again
    masked: Literal["none", "inpaint", "outpaint"] = "none"  # tokens of the masked pixels (COMMIT), by kind of region
    structure: bool = False  # tokens of optical flow and depth, after the first frame where that is given too
    sound: Literal["none", "whole", "start"] = "none"  # "start" lasts as long as the given frames
    makes_visual: bool = True
    makes_audio: bool = False
    ends: bool = True  # closes with <eos>

    @property
    def output_starts(self) -> bool:
        """Whether the output begins after the given frames instead of at the first one."""
        return self.frames != "none" and self.makes_visual

    @property
    def needs_sound(self) -> bool:
        """Whether only clips that can be heard qualify."""
        return self.makes_audio or self.sound != "none"


TASKS: Final[dict[str, Task]] = {
    task.name: task
    for task in (
        Task("unconditioned-image", "<visual>", "image"),
        Task("unconditioned-video", "<visual>", "video"),
        Task("text-to-image", "<visual>", "image", text=True, ends=False),
        Task("text-to-video", "<visual>", "video", text=True),
        Task("image-to-video", "<visual>", "video", text=True, frames="first"),
        Task("frame-prediction", "<visual>", "video", frames="any"),
        Task("inpainting", "<inpainted>", "video", masked="inpaint"),
        Task("outpainting", "<outpainted>", "video", masked="outpaint"),
        Task("stylization", "<stylized>", "video", text=True, structure=True),
        Task("audio-to-video", "<visual>", "video", sound="whole"),
        Task("video-to-audio", "<audio>", "video", frames="whole", makes_visual=False, makes_audio=True),
        Task("audio-video-continuation", "<audio_visual>", "video", frames="first", sound="start", makes_audio=True),
    )
}
