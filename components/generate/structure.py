"""A person's clip -> its flow and depth, measured as those of the training clips were."""

from dataclasses import dataclass
from pathlib import Path

from components.common import artifacts
from components.common.formats import Formats
from components.estimate_structure import config, ops, stage
from components.generate.making import Pixels


@dataclass(frozen=True)
class Estimator:
    """The methods that an artefact of `estimate_structure` names, and where their weights lie if they have any."""

    folder: Path | None  # the artefact
    pretrained: Path | None
    flow_model: str
    depth_model: str
    formats: Formats

    def __call__(self, frames_THWC: Pixels) -> Pixels:
        """Measure a clip; raises ValueError if the artefact, or weights that its methods need, are not given."""
        if self.folder is None:
            raise ValueError("stylization needs --structure, the output of estimate_structure, to measure in its way")
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
