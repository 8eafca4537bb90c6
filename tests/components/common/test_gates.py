from pathlib import Path

import pyarrow as pa
import pytest

from components.common import gates
from components.common.errors import DataError
from components.common.gates import Expectation

TABLE = pa.table({"size": [1, 2, 30], "name": ["a", "b", "b"]})
SMALL = Expectation("expect_column_values_to_be_between", "size", "sizes stay below ten", {"max_value": 10})
UNIQUE = Expectation("expect_column_values_to_be_unique", "name", "names differ")
POSITIVE = Expectation("expect_column_values_to_be_between", "size", "sizes are positive", {"min_value": 0})


def test_what_holds_passes_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    gates.check(TABLE, [POSITIVE], "things")
    assert capfd.readouterr().out == ""


def test_every_broken_expectation_is_reported_with_examples() -> None:
    with pytest.raises(DataError) as caught:
        gates.check(TABLE, [POSITIVE, SMALL, UNIQUE], "things")
    assert str(caught.value) == (
        "the gate of things is broken: sizes stay below ten [size], but 1 of 3 rows break it (such as 30); "
        "names differ [name], but 2 of 3 rows break it (such as b, b)"
    )


def test_a_look_says_of_each_expectation_whether_it_holds_and_what_breaks_it() -> None:
    found = gates.findings(TABLE, [POSITIVE, SMALL], "things")
    assert [finding.expectation for finding in found] == [POSITIVE, SMALL]
    assert [(finding.holds, finding.unexpected, finding.examples) for finding in found] == [
        (True, 0, ()),
        (False, 1, ("30",)),
    ]
    assert found[0].problem == ""
    assert found[1].problem.startswith("sizes stay below ten")


def test_an_expectation_of_a_missing_column_is_broken() -> None:
    with pytest.raises((DataError, KeyError)):
        gates.check(TABLE, [Expectation("expect_column_values_to_be_unique", "color", "colors differ")], "things")


def test_an_empty_table_passes() -> None:
    gates.check(TABLE.slice(0, 0), [SMALL, UNIQUE], "things")
    assert gates.findings(TABLE.slice(0, 0), [SMALL, UNIQUE], "things") == []


def test_the_pages_of_several_tables_say_what_holds_and_what_breaks(tmp_path: Path) -> None:
    first = gates.data_docs({"things": (TABLE, [POSITIVE]), "more things": (TABLE, [SMALL])}, tmp_path / "pages")
    assert first == tmp_path / "pages/index.html"
    assert "more things" in first.read_text()
    whole, broken = ((tmp_path / "pages/validations" / name).rglob("*.html") for name in ("things", "more things"))
    assert "Succeeded" in next(whole).read_text()
    assert "Failed" in next(broken).read_text()


def test_of_an_empty_table_there_is_no_page(tmp_path: Path) -> None:
    gates.data_docs({"things": (TABLE, [POSITIVE]), "nothing": (TABLE.slice(0, 0), [SMALL])}, tmp_path)
    assert [path.name for path in (tmp_path / "validations").iterdir()] == ["things"]
