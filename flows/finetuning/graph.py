"""dvc.yaml -> the graph of a fine-tune.

A path that none of its stages produces comes from the champion, pinned by hash in base.dvc: base/PATH was PATH there.
So tokenizers, text encoder and judge do not change, and only new clips are trained on.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from flows.finetuning.base import FORMER
from flows.graph import derived
from flows.graph.derived import StageChange

FILTER, TRAINED, NAME = "filter", "adapt@t2i_t2v", "finetune"
OF_THE_BASE = {  # stages, or families, that are not run again
    *("corpus", "pretrained", "data_card", "visual_tokenizer_image", "visual_tokenizer_video", "audio_tokenizer"),
    *("text_encoder", "judge", "language_model_image_heavy", "language_model_video_heavy", "adapt", "super_resolution"),
}
HEADER = "# The graph of a fine-tune, derived from dvc.yaml by `videopoet finetune`.\n"


def derive(graph: Mapping[str, Any]) -> dict[str, Any]:
    """Return the graph of a fine-tune.

    The filter keeps the base's held-out clips beside the new ones, to measure on; the base's text-to-video model is
    trained further. Both start from what the same stage made for the base.
    """
    stages = derived.expanded(graph)
    former = {name: FORMER + str(stages[name]["outs"][0]) for name in (FILTER, TRAINED)}
    changes = {
        FILTER: StageChange(inputs={"known": former[FILTER]}),
        TRAINED: StageChange(
            name=NAME,
            section="finetune.training",
            params=("finetune.base",),
            inputs={"language-model": former[TRAINED]},
        ),
    }
    keep = [name for name in stages if name == TRAINED or name.partition("@")[0] not in OF_THE_BASE]
    curve = f"{stages[TRAINED]['outs'][0]}/losses.csv"
    return derived.derive(graph, keep, changes, plots=[{curve: {"x": "step", "y": "loss"}}])


def text(graph: Mapping[str, Any]) -> str:
    """Return the graph of a fine-tune as a file."""
    return HEADER + yaml.safe_dump(derive(graph), sort_keys=False, allow_unicode=True, width=110)
