"""The section `finetune` of params.yaml: thresholds of new data, and the training."""

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
    """Settings of a fine-tune."""

    min_new_sources: int
    """Files that the base does not know; with fewer, nothing runs."""
    min_new_clips: int
    """Clips of these files that the filter keeps and that the tasks can use; with fewer, nothing is trained."""
    training: Config
    """How the base's text-to-video model is trained further."""
    base: str = ""
    """Hash of the base run; the flow writes it into the parameters of the fine-tune."""

    def __post_init__(self) -> None:
        if min(self.min_new_sources, self.min_new_clips) < 1:
            raise ValueError("min_new_sources and min_new_clips must be positive")

    @property
    def reads_captions(self) -> bool:
        """True if every task needs captions."""
        return all(TASKS[name].text for name in self.training.mix.tasks)


def of(sections: Mapping[str, Any]) -> Settings:
    """Parse the settings of a parameter file; raises ValueError for invalid ones."""
    settings: Settings = params.typed(Settings, params.section_of(sections, SECTION), SECTION)
    return settings


READ_BY_FLOWS = {SECTION: of, gate.SECTION: gate.of}  # the sections of params.yaml that no stage reads
