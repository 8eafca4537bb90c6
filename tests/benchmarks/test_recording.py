import ast
import json
import sys
from pathlib import Path

import pytest

from benchmarks import recording
from benchmarks.recording import Result

SCRIPTS = [
    path for path in recording.FOLDER.glob("*.py") if path.stem not in ("__main__", "recording", "films")
]  # films.py only makes films for others


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results of its own, as a script sees it that was started with `--record A`."""
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(recording, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(recording, "PAGE", tmp_path / "RESULTS.md")
    monkeypatch.setattr(sys, "argv", ["benchmarks/decode.py", "13", "--record", "A"])
    monkeypatch.setattr(recording, "_machine", "")
    monkeypatch.setattr(recording, "_recorded", 0)
    return tmp_path


def test_the_page_is_the_one_that_the_results_make() -> None:
    assert recording.page() == recording.PAGE.read_text(), "run `make bench-results`"


def test_every_result_names_a_known_machine() -> None:
    names = [path.stem for path in recording.RESULTS.glob("*.json")]
    assert {one.machine for name in names for one in recording.read(name).results} <= recording.machines().keys()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_benchmark_takes_the_option_and_has_results(script: Path) -> None:
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Call)}
    assert {"recording.begin", "recording.record"} <= calls
    assert recording.read(script.stem).results


def test_a_recorded_figure_stands_before_the_older_ones_and_on_the_page(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.begin()
    assert sys.argv == ["benchmarks/decode.py", "13"]
    recording.record("speed", 0.98765, "×", "≥ 1")
    recording.record("size", 3)
    monkeypatch.setattr(recording, "_recorded", 0)  # as in another process
    recording.record("speed", [1.25, 1.5], "×", "≥ 1")
    found = recording.read("decode").results
    assert [one.values for one in found] == [[1.25, 1.5], [0.988], [3]]
    assert [one.passed for one in found] == [True, False, None]
    now, _, before = (folder / "RESULTS.md").read_text().partition("## Before")
    assert "1.25, 1.5 ×" in now
    assert "| decode | speed | 0.988 × | ≥ 1 |" in before


def test_without_the_option_nothing_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks/decode.py"])
    recording.begin()
    recording.record("speed", 1.0)
    assert not (folder / "RESULTS.md").exists()


def test_an_unknown_machine_stops_the_script_before_it_measures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks/decode.py", "--record", "Z"])
    with pytest.raises(SystemExit, match="give one of A, B"):
        recording.begin()


@pytest.mark.parametrize(
    ("values", "target", "passed"),
    [([1.0], "> 1", False), ([0.9, 2.0], "≥ 0.9", True), ([0.5, 0.6], "≤ 0.5", False), ([32], "= 32", True)],
)
def test_every_value_must_meet_the_target(values: list[float], target: str, passed: bool) -> None:
    assert Result("a", values, "", target, "2026-01-01", "A").passed is passed


def test_a_figure_without_a_target_neither_passes_nor_fails() -> None:
    assert Result("a", [1.0], "", "", "2026-01-01", "A").passed is None


def test_files_of_results_are_written_as_they_are_read() -> None:
    for path in recording.RESULTS.glob("*.json"):
        known = recording.read(path.stem)
        assert json.loads(path.read_text())["command"] == known.command
