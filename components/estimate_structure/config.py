"""What may be chosen about flow and depth."""

from dataclasses import dataclass
from typing import Literal

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """One pass over the kept video clips."""

    formats: Formats
    threads: int
    flow: Literal["farneback", "perceiver"]  # paper, §4.1: RAFT; farneback needs no weights
    flow_model: str  # name of the weights among the pretrained ones; empty for farneback
    flow_limit: float  # speed that fills the channel, in picture widths per frame
    depth: Literal["border_contrast", "dpt"]  # paper, §4.1: MiDaS; border_contrast needs no weights
    depth_model: str  # name of the weights among the pretrained ones; empty for border_contrast

    def __post_init__(self) -> None:
        if self.flow_limit <= 0:
            raise ValueError(f"flow_limit must be positive, got {self.flow_limit}")
        for kind, method, model, learnt in (
            ("flow", self.flow, self.flow_model, "perceiver"),
            ("depth", self.depth, self.depth_model, "dpt"),
        ):
            if (method == learnt) != bool(model):
                remedy = "name its weights (pretrained.models)" if method == learnt else "leave it empty"
                raise ValueError(f"{kind}: {method} and {kind}_model: {model!r} do not fit together: {remedy}")
