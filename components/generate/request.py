"""One request on the command line -> one file.

Models and settings are those of the stage; the same seed gives the same sample.
"""

from pathlib import Path
from typing import Literal

from components.common import artifacts
from components.generate import data, inputs
from components.generate.batches import STAGES
from components.generate.config import Config
from components.generate.generator import Generator
from components.generate.model_paths import ModelPaths
from components.generate.models import Models
from components.generate.structure import StructureEstimator


def run(
    config: Config,
    *,
    models: ModelPaths,
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
    """Generate one clip (.mp4) or image (.png); raises ValueError for missing and for superfluous inputs."""
    wanted = inputs.task_of(task)
    given = inputs.RequestInputs(prompt, image, video, mask, audio)
    given.check(wanted)
    if output.suffix != (suffix := ".png" if wanted.media == "image" else ".mp4"):
        raise ValueError(f"{task} makes a {suffix} file, not {output.name}")
    formats = config.formats
    frames = 1 if wanted.media == "image" else formats.long_frames if long else formats.clip_frames
    fmt = formats.of(frames, orientation)
    estimator = StructureEstimator(structure, pretrained, flow_model, depth_model, formats)
    sample_inputs = inputs.read_inputs(given, wanted, fmt, config, estimator)
    generator = Generator(config, Models(models))
    if scale > 1 and fmt != (known := generator.upsampled_format()):
        raise ValueError(f"super-resolution was trained to upsample {known.name}, not {fmt.name}: leave --scale out")
    batch = generator.generate(wanted, fmt, [sample_inputs], [seed])
    if wanted.name == "text_to_video":
        batch = generator.add_audio(batch, fmt, [seed])
    for stage, reached in STAGES:
        if reached <= scale:
            batch = generator.upsample(batch, [prompt], stage, [seed])
    _, media = data.encode(
        batch.frames[0],
        None if batch.wave is None else batch.wave[0],
        fps=formats.fps,
        sample_rate_hz=formats.sample_rate_hz,
        crf=config.crf,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    artifacts.replace_file(output, media)
    print(f"{task}: {output}", flush=True)
