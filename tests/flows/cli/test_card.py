import json
from pathlib import Path

import pytest

from components.data_card.data import CARD, PAGE
from components.data_card.statistics import to_json
from flows.cli import card
from flows.graph.graph import Graph, Stage
from tests.components.data_card.test_statistics import card as made

GRAPH = Graph((Stage("data_card", "make", (), {}, ("data/card",), ()),))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/card").mkdir(parents=True)
    card.REFERENCE.write_text("{}\n")
    Path("data/card", CARD).write_text(json.dumps(to_json(made())))
    Path("data/card", PAGE).write_text("a page")
    return Path("data/card")


def test_the_card_is_found_by_the_graph(folder: Path) -> None:
    assert card.found(GRAPH) == folder


def test_without_a_card_it_says_what_makes_one(folder: Path) -> None:
    (folder / PAGE).unlink()
    with pytest.raises(ValueError, match=r"videopoet run data_card.*--accept FOLDER"):
        card.found(GRAPH)


def test_an_accepted_card_is_the_reference_byte_for_byte_and_says_what_it_replaces(folder: Path) -> None:
    said = card.accept(folder)
    assert "3 of 4 clips kept, of 2 sources. Commit it" in said
    assert card.REFERENCE.read_bytes() == (folder / CARD).read_bytes()
    assert "before, 3 of 4" in card.accept(folder)


def test_a_reference_of_another_version_is_replaced(folder: Path) -> None:
    card.REFERENCE.write_text('{"version": 0}')
    assert "3 of 4 clips kept, of 2 sources. Commit it" in card.accept(folder)
    assert card.REFERENCE.read_bytes() == (folder / CARD).read_bytes()


@pytest.mark.parametrize(("content", "words"), [("{", "as JSON"), ("{}", "is empty"), ('{"version": 0}', "is no card")])
def test_what_is_no_card_is_not_accepted(folder: Path, content: str, words: str) -> None:
    (folder / CARD).write_text(content)
    with pytest.raises(ValueError, match=words):
        card.accept(folder)
    assert card.REFERENCE.read_text() == "{}\n"


def test_a_folder_without_a_card_is_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"has no card\.json"):
        card.accept(Path("data"))


def test_data_docs_without_kept_clips_or_into_a_full_folder_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="videopoet run filter"):
        card.data_docs(GRAPH, Path("pages"))
    with pytest.raises(ValueError, match="card is not empty"):
        card.data_docs(GRAPH, folder)
