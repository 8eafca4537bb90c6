"""Clip of a request -> optical flow and depth, estimated as for the training clips."""

from dataclasses import dataclass
from pathlib import Path

from components.common import artifacts
from components.common.formats import Formats
from components.estimate_structure import config, ops, stage
from components.media.arrays import Pixels


@dataclass(frozen=True)
class StructureEstimator:
    """Methods that an artifact of `estimate_structure` names, and the folder of their weights."""

    folder: Path | None  # the artifact
    pretrained: Path | None
    flow_model: str
    depth_model: str
    formats: Formats

    def __call__(self, frames_THWC: Pixels) -> Pixels:
        """Estimate flow and depth of a clip; raises ValueError without the artifact or the weights that it needs."""
        if self.folder is None:
            raise ValueError("stylization needs --structure, the output of estimate_structure, for its methods")
        facts = artifacts.read_manifest(self.folder).facts
        settings = config.Config(
            formats=self.formats,
            threads=1,
            flow=facts["flow"],
            flow_model=self.flow_model,
            flow_limit=facts["flow_limit"],
            depth=facts["depth"],
            depth_model=self.depth_model,
        )
        weights = self.pretrained or Path()
        flow = stage.flow_estimator(settings, weights)(frames_THWC)
        depth = stage.depth_estimator(settings, weights)(frames_THWC)
        return ops.as_clip(flow, depth, settings.flow_limit)
