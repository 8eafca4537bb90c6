"""Configuration of optical flow and depth."""

from dataclasses import dataclass
from typing import Literal

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """Methods and weights for the structure of the kept video clips."""

    formats: Formats
    """Clip formats of the whole pipeline; structure has the size of a base clip."""
    threads: int
    """Threads of the networks."""
    flow: Literal["farneback", "perceiver"]
    """Method of optical flow (paper, §4.1: RAFT); `farneback` needs no weights."""
    flow_model: str
    """Name of the flow weights in `pretrained.models`; '' for farneback."""
    flow_limit: float
    """Speed that saturates the flow channels, in frame widths per frame; positive."""
    depth: Literal["border_contrast", "dpt"]
    """Method of depth (paper, §4.1: MiDaS); `border_contrast` needs no weights."""
    depth_model: str
    """Name of the depth weights in `pretrained.models`; '' for border_contrast."""

    def __post_init__(self) -> None:
        if self.flow_limit <= 0:
            raise ValueError(f"flow_limit must be positive, got {self.flow_limit}")
        for kind, method, model, learned in (
            ("flow", self.flow, self.flow_model, "perceiver"),
            ("depth", self.depth, self.depth_model, "dpt"),
        ):
            if (method == learned) != bool(model):
                remedy = "name its weights (pretrained.models)" if method == learned else "leave it empty"
                raise ValueError(f"{kind}: {method} and {kind}_model: {model!r} do not fit together: {remedy}")
