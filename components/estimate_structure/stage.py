"""kept clips -> their flow and depth, for stylization.

Every video clip gets one structure clip, of its first `formats.clip_frames` frames at base size; images get none.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import assert_never

from components.common import artifacts
from components.common.artifacts import Summary
from components.common.progress import progress
from components.estimate_structure import data, ops
from components.estimate_structure.config import Config
from components.filter.data import Clips
from components.media.arrays import Pixels

Estimator = Callable[[Pixels], ops.Floats]


def run(config: Config, *, clips: Path, pretrained: Path, output: Path) -> Summary:
    """Estimate the structure of every video clip of both splits."""
    source = Clips(clips)
    flow, depth = flow_estimator(config, pretrained), depth_estimator(config, pretrained)
    videos = [(i, clip) for i, clip in enumerate(source) if clip.has_structure]

    def structures() -> Iterator[tuple[str, Pixels]]:
        for i, clip in progress(videos, total=len(videos), unit="clips", label="structure"):
            pixels = source.pixels(i, config.formats.of(config.formats.clip_frames, clip.orientation))
            yield clip.clip_id, ops.as_clip(flow(pixels), depth(pixels), config.flow_limit)

    with artifacts.fresh(output) as folder:
        count = data.write(folder, structures())
        return artifacts.describe(
            folder,
            "structure",
            inputs={"clips": clips, "pretrained": pretrained},
            counts={"clips": count},
            facts={"flow": config.flow, "depth": config.depth, "flow_limit": config.flow_limit},
        )


def flow_estimator(config: Config, pretrained: Path) -> Estimator:
    """Return the chosen method of flow; public weights are loaded only where they are used."""
    match config.flow:
        case "farneback":
            return ops.farneback
        case "perceiver":
            folder = weights(pretrained, config.flow_model)
            from components.estimate_structure.pretrained import PerceiverFlow

            return PerceiverFlow(folder)
        case _:
            assert_never(config.flow)


def depth_estimator(config: Config, pretrained: Path) -> Estimator:
    """Return the chosen method of depth; public weights are loaded only where they are used."""
    match config.depth:
        case "border_contrast":
            return ops.border_contrast
        case "dpt":
            folder = weights(pretrained, config.depth_model)
            from components.estimate_structure.pretrained import DptDepth

            return DptDepth(folder)
        case _:
            assert_never(config.depth)


def weights(pretrained: Path, name: str) -> Path:
    """Return the folder of one pretrained model; raises ValueError that says what to fetch."""
    folder = pretrained / name
    if not (folder / "config.json").is_file():
        raise ValueError(f"estimate_structure needs `{name}`, which was not fetched: add it to pretrained.models")
    return folder
