"""The section `finetune` of params.yaml: when there is enough that is new, and how it is learnt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.adapt.config import Config
from components.common import params
from components.language_model.tasks import TASKS
from flows.promotion import gate

SECTION = "finetune"


@dataclass(frozen=True)
class Settings:
    """When and how to fine-tune."""

    min_new_sources: int
    """Files that the base does not know; with fewer, nothing is even looked at."""
    min_new_clips: int
    """Clips of these files that the filter keeps and that suit the tasks trained; with fewer, nothing is trained."""
    training: Config
    """How the base's text-to-video model is trained further."""
    base: str = ""
    """Hash of the run to start from; the flow writes it into the parameters of the fine-tune."""

    def __post_init__(self) -> None:
        if min(self.min_new_sources, self.min_new_clips) < 1:
            raise ValueError("min_new_sources and min_new_clips must be positive")

    @property
    def reads_captions(self) -> bool:
        """Whether a clip without a caption is of no use to any of the tasks."""
        return all(TASKS[name].text for name in self.training.mix.tasks)


def of(sections: Mapping[str, Any]) -> Settings:
    """The settings of a parameter file; raises ValueError for what is wrong with them."""
    settings: Settings = params.typed(Settings, params.section_of(sections, SECTION), SECTION)
    return settings


READ_BY_FLOWS = {SECTION: of, gate.SECTION: gate.of}  # the sections of params.yaml that no stage reads
