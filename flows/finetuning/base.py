"""The run that a fine-tune starts from: a record -> what it holds, by path and hash.

A run holds what it made and what it was given: of a fine-tune's tokenizers the record knows the hashes too. So a
fine-tune starts from another one just as it does from a whole training.
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
from flows.graph.graph import Graph, Item
from flows.graph.modules import FOLDER as CODE
from flows.machine.workspace import PARAMS, Workspace
from flows.runs import run_records, source_archive
from flows.runs.registry import Registry
from flows.runs.sources import TABLE

FORMER = "base/"  # before the path of what the base has where the fine-tune makes its own
KNOWN = TABLE.with_name("known_sources.parquet")  # beside a fine-tune's sources, those that it left out


@dataclass(frozen=True)
class Base:
    """A run with a record."""

    run: str  # the whole hash
    folder: Path  # of the record

    @classmethod
    def champion(cls, workspace: Workspace) -> "Base":
        """The champion; raises ValueError if there is none, errors.Retryable where its record is not to be reached."""
        champion = Registry(workspace.tracking_uri).at("champion")
        if champion is None:
            raise ValueError("there is no champion to start from: `videopoet run`, then `videopoet promote`")
        folder = run_records.find(workspace, champion.run)
        return cls(str(run_records.read(folder)["run"]), folder)

    @property
    def name(self) -> str:
        """What people call the run."""
        return self.run[: run_records.NAME_DIGITS]

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters that it was made with."""
        return params.read(self.folder / PARAMS)

    def known_sources(self) -> list[Source]:
        """The user's files that it was given, and those that the runs before it were given that it goes back to."""
        with TemporaryDirectory() as folder:
            found: list[Source] = []
            for path, content in source_archive.read(self.folder / source_archive.ARCHIVE, str(TABLE.parent)).items():
                if path in (str(TABLE), str(KNOWN)):
                    table = Path(folder) / Path(path).name
                    table.write_bytes(content)
                    found += sources.read(table)
            return found

    def pins(self, graph: Graph) -> dict[str, Item]:
        """Path -> item of all that the stages of a fine-tune's graph need of it.

        Raises ValueError if the base does not have it.
        """
        needed = {path for stage in graph.stages for path in stage.deps} - graph.maker.keys() - {str(TABLE)}
        held = lockfile.items(lockfile.read(self.folder / "dvc.lock"))
        wanted = {path: path.removeprefix(FORMER) for path in needed if not path.startswith(f"{CODE}/")}
        if missing := sorted(former for former in wanted.values() if former not in held):
            raise ValueError(f"the record of {self.name} has no {', '.join(missing)}: a whole run makes it")
        return {path: held[former] for path, former in wanted.items()}
