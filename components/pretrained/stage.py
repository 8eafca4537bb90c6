"""public weights -> one folder for each model.

The folder holds the declared files and no other, each with the declared bytes; with no models it is empty and valid.
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
        for source in progress(config.models, total=len(config.models), unit="models", label="fetching"):
            found = data.locate(source, runtime.cache, runtime.roots)
            data.copy_verified(source, found, folder / source.name)
        return artifacts.describe(
            folder,
            data.KIND,
            inputs={},
            counts={"models": len(config.models), "files": sum(len(source.sha256) for source in config.models)},
            facts={"licences": {source.name: source.licence for source in config.models}},
        )
