"""Settings of generation: number of samples, and how they are drawn."""

from dataclasses import dataclass

from components.common.formats import Formats
from components.language_model.config import SamplingConfig
from components.language_model.tasks import TASKS
from components.pretokenize.config import Region
from components.super_resolution.config import UpsamplingConfig


@dataclass(frozen=True)
class SampleCounts:
    """Number of samples, from held-out prompts and clips."""

    tasks: dict[str, int]
    """Samples of every task in its usual format, by the task's name. Text-to-video samples have audio, and start with
    combinations of attributes that no training clip shows."""

    text_to_video_portrait: int
    """Text-to-video samples in portrait orientation."""

    text_to_video_long: int
    """Text-to-video samples of `formats.long_frames` frames."""

    super_resolution: int
    """Real clips that are reconstructed and upsampled."""

    super_resolution_of_text_to_video: int
    """Text-to-video samples that are upsampled too: the first ones."""

    def __post_init__(self) -> None:
        if wrong := sorted(self.tasks.keys() ^ TASKS.keys()):
            raise ValueError(f"samples.tasks must count every task and no other: add or remove {', '.join(wrong)}")
        others = (number for name, number in vars(self).items() if name != "tasks")
        if min(*self.tasks.values(), *others) < 0:
            raise ValueError(f"samples must not be negative: {self}")


@dataclass(frozen=True)
class Config:
    """One round of samples; a single request on the command line uses the same settings."""

    threads: int
    """CPU threads of the stage."""

    seed: int
    """Seed of the samples, each of which draws from a seed of its own that follows from it."""

    batch_tokens: int
    """Samples are drawn together up to this many visual tokens, and at least one by one."""

    samples: SampleCounts
    """Number of samples of each kind."""

    prompts: tuple[str, ...]
    """More prompts for text-to-video."""

    prompt_file: str
    """Text file with one more prompt a line; "" for none."""

    prompt_file_sha256: str
    """Hash that pins the content of the prompt file; "" where there is none."""

    given_frames: int
    """Frames that frame prediction is given: 1 + a multiple of 4 (paper, §5.1: 5)."""

    inpainted: Region
    """Region that inpainting fills in, if a request gives no mask."""

    outpainted: Region
    """Region that outpainting fills in, if a request gives no mask."""

    visual: SamplingConfig
    """How visual codes are drawn."""

    audio: SamplingConfig
    """How audio codes are drawn."""

    stage1: UpsamplingConfig
    """How super-resolution stage 1 draws, which doubles height and width."""

    stage2: UpsamplingConfig
    """How super-resolution stage 2 draws, which doubles them again."""

    crf: int
    """Constant rate factor of the H.264 files, 0 … 51: lower is closer to what was generated."""

    formats: Formats
    """Shapes of clips, images and audio: the section `formats`."""

    def __post_init__(self) -> None:
        if self.batch_tokens < 1:
            raise ValueError(f"batch_tokens must be positive, got {self.batch_tokens}")
        if (self.given_frames - 1) % 4 or not 0 < self.given_frames < self.formats.clip_frames:
            raise ValueError(f"given_frames must be 1 + a multiple of 4 below clip_frames, got {self.given_frames}")
        if not self.inpainted.startswith("inpaint_") or not self.outpainted.startswith("outpaint_"):
            raise ValueError(f"inpainted and outpainted name regions of their kind: {self.inpainted, self.outpainted}")
        if bool(self.prompt_file) != bool(self.prompt_file_sha256):
            raise ValueError("prompt_file needs prompt_file_sha256 (see sha256sum), so that a changed file is noticed")
