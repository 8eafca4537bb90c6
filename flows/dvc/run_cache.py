"""DVC's run-cache on this machine: results of equal commands, inputs and parameters.

Unlike DVC's own look-up, this one reads no data.
"""

from pathlib import Path
from typing import Any

from dvc.stage import PipelineStage
from dvc.stage.cache import _get_cache_hash
from dvc.stage.serialize import to_single_stage_lockfile


def is_left_out(stage: PipelineStage) -> bool:
    """Return True if DVC does not expect equal outputs of a stage."""
    changes = stage.is_callback or stage.always_changed or any(out.persist or not out.is_in_repo for out in stage.outs)
    return changes or not (stage.deps and stage.outs)


def key(stage: PipelineStage) -> str:
    """Return the stage's key in the run-cache, "" for a stage that DVC leaves out."""
    if is_left_out(stage):
        return ""
    return str(_get_cache_hash(to_single_stage_lockfile(stage), key=True))


def found(cache: Any, stage_key: str) -> Any:
    """Return the entry of a key; the newest if there are several, as in DVC."""
    folder = Path(cache._get_cache_dir(stage_key))
    paths = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime) if stage_key and folder.is_dir() else []
    return cache._load_cache(stage_key, paths[-1].name) if paths else None
