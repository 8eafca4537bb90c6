"""public weights -> one folder per model.

A folder holds exactly the declared files, each with the declared bytes; without models the output is empty and valid.
"""

from pathlib import Path

from components.common import artifacts
from components.common.artifacts import Summary
from components.common.progress import progress
from components.common.runtime import current
from components.pretrained import data
from components.pretrained.config import Config


def run(config: Config, *, output: Path) -> Summary:
    """Fetch, verify and copy every model."""
    runtime = current()
    with artifacts.fresh(output) as folder:
        for model in progress(config.models, total=len(config.models), unit="models", label="fetching"):
            found = data.locate(model, runtime.cache, runtime.roots)
            data.copy_verified(model, found, folder / model.name)
        return artifacts.describe(
            folder,
            data.KIND,
            inputs={},
            counts={"models": len(config.models), "files": sum(len(model.sha256) for model in config.models)},
            facts={"licenses": {model.name: model.license for model in config.models}},
        )
