"""One request of a person -> one file.

The same models, settings and batches of one as the stage; a sample's own seed makes the same sample again.
"""

from pathlib import Path
from typing import Literal

from components.common import artifacts
from components.generate import data, inputs
from components.generate.batches import STAGES
from components.generate.config import Config
from components.generate.making import Maker
from components.generate.models import Folders, Models
from components.generate.structure import Estimator


def run(
    config: Config,
    *,
    text_encoder: Path,
    visual_tokenizer: Path,
    audio_tokenizer: Path,
    base: Path,
    text_to_video: Path,
    image_to_video: Path,
    video_to_audio: Path,
    super_resolution_stage1: Path,
    super_resolution_stage2: Path,
    task: str,
    output: Path,
    prompt: str = "",
    image: Path | None = None,
    video: Path | None = None,
    mask: Path | None = None,
    audio: Path | None = None,
    structure: Path | None = None,
    pretrained: Path | None = None,
    flow_model: str = "",
    depth_model: str = "",
    orientation: Literal["square", "portrait"] = "square",
    long: bool = False,
    scale: Literal[1, 2, 4] = 1,
    seed: int = 0,
) -> None:
    """Make one clip (.mp4) or picture (.png); raises ValueError that names what a task lacks or does not take."""
    wanted = inputs.task_of(task)
    given = inputs.Inputs(prompt, image, video, mask, audio)
    given.check(wanted)
    if output.suffix != (suffix := ".png" if wanted.media == "image" else ".mp4"):
        raise ValueError(f"{task} makes a {suffix} file, not {output.name}")
    formats = config.formats
    frames = 1 if wanted.media == "image" else formats.long_frames if long else formats.clip_frames
    fmt = formats.of(frames, orientation)
    estimator = Estimator(structure, pretrained, flow_model, depth_model, formats)
    order = inputs.order_of(given, wanted, fmt, config, estimator)
    folders = Folders(
        text_encoder,
        visual_tokenizer,
        audio_tokenizer,
        base,
        text_to_video,
        image_to_video,
        video_to_audio,
        super_resolution_stage1,
        super_resolution_stage2,
    )
    maker = Maker(config, Models(folders))
    if scale > 1 and fmt != (known := maker.enlarged_format()):
        raise ValueError(f"super-resolution was trained to enlarge {known.name}, not {fmt.name}: leave --scale out")
    made = maker.make(wanted, fmt, [order], [seed])
    if wanted.name == "text-to-video":
        made = maker.add_sound(made, fmt, [seed])
    for stage, reached in STAGES:
        if reached <= scale:
            made = maker.enlarge(made, [prompt], stage, [seed])
    _, media = data.encode(
        made.frames[0],
        None if made.wave is None else made.wave[0],
        fps=formats.fps,
        sample_rate_hz=formats.sample_rate_hz,
        constant_rate_factor=config.constant_rate_factor,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    artifacts.replace_file(output, media)
    print(f"{task}: {output}", flush=True)
