"""The base run of a fine-tune: a record -> its artifacts, by path and hash.

A record lists the outputs and the inputs of a run, so a fine-tune's record also knows its tokenizers. A fine-tune can
therefore start from another fine-tune just as from a full training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.common import params
from components.ingest import sources
from components.ingest.sources import Source
from flows.graph import lockfile
from flows.graph.graph import Artifact, Graph
from flows.graph.modules import FOLDER as CODE
from flows.machine.workspace import PARAMS, Workspace
from flows.runs import run_records, source_archive
from flows.runs.registry import Registry
from flows.runs.sources import TABLE

FORMER = "base/"  # prefix for an artifact of the base that the fine-tune computes itself, too
KNOWN = TABLE.with_name("known_sources.parquet")  # sources that the base knows, and the fine-tune leaves out


@dataclass(frozen=True)
class Base:
    """A run with a record."""

    run: str  # full hash
    folder: Path  # of the record

    @classmethod
    def champion(cls, workspace: Workspace) -> "Base":
        """Return the champion.

        Raises ValueError if there is none, errors.Retryable if its record cannot be fetched.
        """
        champion = Registry(workspace.tracking_uri).at("champion")
        if champion is None:
            raise ValueError("there is no champion to start from: `videopoet run`, then `videopoet promote`")
        folder = run_records.find(workspace, champion.run)
        return cls(str(run_records.read(folder)["run"]), folder)

    @property
    def name(self) -> str:
        """Short name of the run."""
        return self.run[: run_records.NAME_DIGITS]

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameters of the run."""
        return params.read(self.folder / PARAMS)

    def known_sources(self) -> list[Source]:
        """Return the user's files that the base and its ancestors were trained on."""
        with TemporaryDirectory() as folder:
            found: list[Source] = []
            for path, content in source_archive.read(self.folder / source_archive.ARCHIVE, str(TABLE.parent)).items():
                if path in (str(TABLE), str(KNOWN)):
                    table = Path(folder) / Path(path).name
                    table.write_bytes(content)
                    found += sources.read(table)
            return found

    def pins(self, graph: Graph) -> dict[str, Artifact]:
        """Map path -> artifact of everything that a fine-tune's graph needs of the base.

        Raises ValueError if the base lacks some.
        """
        needed = {path for stage in graph.stages for path in stage.deps} - graph.producer.keys() - {str(TABLE)}
        held = lockfile.items(lockfile.read(self.folder / "dvc.lock"))
        wanted = {path: path.removeprefix(FORMER) for path in needed if not path.startswith(f"{CODE}/")}
        if missing := sorted(former for former in wanted.values() if former not in held):
            raise ValueError(f"the record of {self.name} has no {', '.join(missing)}: run all stages")
        return {path: held[former] for path, former in wanted.items()}
