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


def test_every_broken_expectation_is_told_in_words_with_examples() -> None:
    with pytest.raises(DataError) as caught:
        gates.check(TABLE, [POSITIVE, SMALL, UNIQUE], "things")
    assert str(caught.value) == (
        "the gate of things is broken: sizes stay below ten [size], but 1 of 3 rows break it (such as 30); "
        "names differ [name], but 2 of 3 rows break it (such as b, b)"
    )


def test_a_look_says_of_each_expectation_whether_it_holds_and_what_breaks_it() -> None:
    found = gates.look(TABLE, [POSITIVE, SMALL], "things")
    assert [finding.expectation for finding in found] == [POSITIVE, SMALL]
    assert [(finding.holds, finding.unexpected, finding.examples) for finding in found] == [
        (True, 0, ()),
        (False, 1, ("30",)),
    ]
    assert found[0].words == ""
    assert found[1].words.startswith("sizes stay below ten")


def test_an_expectation_of_a_missing_column_is_broken() -> None:
    with pytest.raises((DataError, KeyError)):
        gates.check(TABLE, [Expectation("expect_column_values_to_be_unique", "colour", "colours differ")], "things")


def test_an_empty_table_passes() -> None:
    gates.check(TABLE.slice(0, 0), [SMALL, UNIQUE], "things")
    assert gates.look(TABLE.slice(0, 0), [SMALL, UNIQUE], "things") == []
