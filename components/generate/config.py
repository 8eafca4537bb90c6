"""What may be chosen about generation: how much of what, and how it is drawn."""

from dataclasses import dataclass

from components.common.formats import Formats
from components.pretokenize.config import Region
from components.super_resolution import config as super_resolution


@dataclass(frozen=True)
class Drawing:
    """How a language model draws the next code."""

    guidance: float  # 1 follows the text as learned
    temperature: float  # 0 takes the likeliest
    top_k: int  # 0 keeps all codes
    top_p: float  # 1 keeps all codes

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise ValueError(f"temperature and top_k must not be negative, and 0 < top_p ≤ 1: {self}")


@dataclass(frozen=True)
class Counts:
    """How many samples of each task, on held-out prompts and clips."""

    unconditioned_image: int
    unconditioned_video: int
    text_to_image: int
    text_to_video: int  # each with sound; combinations of attributes never trained on come first
    text_to_video_portrait: int
    text_to_video_long: int
    image_to_video: int
    frame_prediction: int
    inpainting: int
    outpainting: int
    stylization: int
    audio_to_video: int
    video_to_audio: int
    audio_video_continuation: int
    super_resolution: int  # of real clips
    super_resolution_of_text_to_video: int  # of the first generated ones

    def __post_init__(self) -> None:
        if min(vars(self).values()) < 0:
            raise ValueError(f"samples must not be negative: {self}")


@dataclass(frozen=True)
class Config:
    """One round of samples; also what a single request on the command line uses."""

    threads: int
    seed: int
    batch_tokens: int  # samples are drawn together up to this many visual tokens, and at least one by one
    samples: Counts
    prompts: tuple[str, ...]  # more prompts for text-to-video
    prompt_file: str  # a text file with one prompt a line, or "" for none
    prompt_file_sha256: str  # pins its content; "" where there is no file
    given_frames: int  # of frame prediction (paper, §5.1: 5)
    inpainted: Region
    outpainted: Region
    visual: Drawing
    sound: Drawing
    stage1: super_resolution.Sampling
    stage2: super_resolution.Sampling
    constant_rate_factor: int  # of the H.264 files: lower is closer to what was made
    formats: Formats

    def __post_init__(self) -> None:
        if self.batch_tokens < 1:
            raise ValueError(f"batch_tokens must be positive, got {self.batch_tokens}")
        if (self.given_frames - 1) % 4 or not 0 < self.given_frames < self.formats.clip_frames:
            raise ValueError(f"given_frames must be 1 + a multiple of 4 below clip_frames, got {self.given_frames}")
        if not self.inpainted.startswith("inpaint_") or not self.outpainted.startswith("outpaint_"):
            raise ValueError(f"inpainted and outpainted name regions of their kind: {self.inpainted, self.outpainted}")
        if bool(self.prompt_file) != bool(self.prompt_file_sha256):
            raise ValueError("prompt_file needs prompt_file_sha256 (see sha256sum), so that a changed file is noticed")
