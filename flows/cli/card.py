"""The data card: where it is, and the reference that later data are compared with."""

from pathlib import Path

from components.common import artifacts, gates
from components.common.artifacts import replace_file
from components.data_card.data import CARD, PAGE, read_reference
from components.data_card.statistics import Statistics
from flows.graph.graph import Graph

__all__ = ["PAGE", "REFERENCE", "accept", "data_docs", "found"]
REFERENCE = Path("data/reference_card.json")


def found(graph: Graph) -> Path:
    """Return the folder of the present card; raises ValueError if there is none."""
    for folder in _outputs(graph):
        if (folder / PAGE).is_file():
            return folder
    raise ValueError(
        "there is no data card yet: run `videopoet run data_card`. If that stopped because of drift, its message names"
        " the folder of the card: `videopoet card --accept FOLDER` makes it the reference"
    )


def accept(folder: Path) -> str:
    """Make the card in `folder` the reference; returns the change as text.

    Raises ValueError if the folder has no card.
    """
    path = folder / CARD
    if not path.is_file():
        raise ValueError(f"{folder} has no {CARD}: give the folder of a data card")
    card = read_reference(path)
    if card is None:
        raise ValueError(f"{path} is empty: give the folder of a data card")
    try:
        before = read_reference(REFERENCE)
    except ValueError:
        before = None  # written by another version; accepting a new card replaces it
    replace_file(REFERENCE, path.read_bytes())
    was = f"; before, {_summary(before)}" if before else ""
    return f"{REFERENCE} is now {path}: {_summary(card)}{was}. Commit it"


def data_docs(graph: Graph, folder: Path) -> Path:
    """Write Great Expectations' pages of all passed gates; returns the first page.

    Raises ValueError if there are no kept clips yet, or if the folder is not empty.
    """
    from components.data_card import data, stage
    from components.pretokenize import gate

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty: name a new folder for the pages")
    made = {artifacts.read_manifest(out).kind: out for out in _outputs(graph) if (out / artifacts.MANIFEST).is_file()}
    if "clips" not in made or "kept clips" not in made:
        raise ValueError("there are no kept clips yet: run `videopoet run filter`")
    suites = stage.suites(data.read(made["clips"], made["kept clips"]))
    if "tokens" in made:
        suites["tokens"] = gate.suite(made["tokens"])
    return gates.data_docs(suites, folder)


def _outputs(graph: Graph) -> list[Path]:
    return [Path(out) for stage in graph.stages for out in stage.outs]


def _summary(card: Statistics) -> str:
    return f"{card.clips.kept:,} of {card.clips.arrived:,} clips kept, of {card.totals.kept['sources']:,} sources"
