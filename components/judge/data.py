"""The judge as files: weights and architecture, the words and attribute values it knows.

`metrics.json` beside them holds its accuracy on held-out real clips, with chance.
"""

from dataclasses import asdict
from pathlib import Path

from components.common.params import typed
from components.judge.caption_vocabulary import CaptionVocabulary
from components.judge.config import Architecture
from components.judge.model import Judge
from components.nn import weights


def save(folder: Path, judge: Judge, architecture: Architecture) -> None:
    """Write a judge into `folder`."""
    values = {name: list(kinds) for name, kinds in judge.values.items()}
    config = {"architecture": asdict(architecture), "attributes": values, "words": list(judge.vocabulary.known)}
    weights.save(folder, judge, config)


def load(folder: Path) -> Judge:
    """Read a judge, ready for inference; raises ValueError if `folder` holds no model."""
    config = weights.read_config(folder)
    architecture = typed(Architecture, config["architecture"], "architecture")
    judge = Judge(architecture, CaptionVocabulary(config["words"]), config["attributes"])
    weights.load_into(judge, folder)
    return judge
