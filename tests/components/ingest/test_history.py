from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from components.corpus.data import Source
from components.ingest import history


def files(**contents: str) -> list[Source]:
    return [Source("mine", path, 1, content * 64, caption="words") for path, content in contents.items()]


def states(table: list[Source]) -> dict[tuple[str, str], tuple[str, int]]:
    return {(source.path, source.sha256[:1]): (source.state, source.batch) for source in table}


def test_what_is_added_together_is_a_batch_and_keeps_it():
    table, changes = history.renewed([], "mine", files(a="1", b="2"))
    assert changes.text == "2 added"
    table, changes = history.renewed(table, "mine", files(a="1", b="2", c="3"))
    assert changes.text == "1 added"
    assert states(table) == {("a", "1"): ("present", 1), ("b", "2"): ("present", 1), ("c", "3"): ("present", 2)}


def test_what_goes_or_changes_leaves_its_former_self_behind_as_gone():
    table, _ = history.renewed([], "mine", files(a="1", b="2"))
    table, changes = history.renewed(table, "mine", files(a="9"))
    assert changes.text == "1 changed, 1 gone"
    assert states(table) == {("a", "9"): ("present", 2), ("a", "1"): ("gone", 1), ("b", "2"): ("gone", 1)}
    table, changes = history.renewed(table, "mine", files(a="9", b="2"))
    assert changes.text == "1 added"
    assert states(table)["b", "2"] == ("present", 1)


def test_bytes_that_only_moved_keep_their_batch_and_a_copy_is_of_a_new_one():
    table, _ = history.renewed([], "mine", files(a="1", b="2"))
    table, _ = history.renewed(table, "mine", files(moved="1", b="2", copy="2"))
    assert states(table)["moved", "1"] == ("present", 1)
    assert states(table)["copy", "2"] == ("present", 2)


def test_forgotten_bytes_do_not_come_back_under_any_name_or_alias():
    table, _ = history.renewed([], "mine", files(a="1", b="2"))
    table = history.forget(table, "1" * 64)
    table, changes = history.renewed(table, "mine", files(a="1", b="2", again="1"))
    assert changes.text == "2 forgotten, as it was asked for"
    assert {state for (_, content), (state, _) in states(table).items() if content == "1"} == {"forgotten"}
    table = history.removed(table, "mine")
    theirs = [replace(source, root="theirs") for source in files(x="1", y="3")]
    table, _ = history.renewed(table, "theirs", theirs)
    assert states(table)["x", "1"][0] == "forgotten"
    assert not any(source.caption for source in table if source.state == "forgotten")


def test_refusals_are_of_the_last_look_alone_and_a_file_that_went_is_gone_not_missing():
    table, _ = history.renewed([], "mine", files(a="1"))
    missing = [Source("mine", path, 0, "", state="refused", reason="missing_file") for path in ("a", "z")]
    table, changes = history.renewed(table, "mine", missing)
    assert changes.text == "1 gone, 1 refused (1 missing_file)"
    assert states(table) == {("a", "1"): ("gone", 1), ("z", ""): ("refused", 0)}
    table, _ = history.renewed(table, "mine", files(a="1"))
    assert states(table) == {("a", "1"): ("present", 1)}


LOOKS = st.lists(st.dictionaries(st.sampled_from("abcde"), st.sampled_from("12345"), max_size=5), max_size=6)


@given(LOOKS)
def test_a_look_is_in_the_table_and_nothing_ever_known_leaves_it(looks):
    table: list[Source] = []
    ever = set()
    for contents in looks:
        batches = {(source.path, source.sha256): source.batch for source in table}
        table, _ = history.renewed(table, "mine", files(**contents))
        ever |= {(path, content * 64) for path, content in contents.items()}
        here = {(source.path, source.sha256[:1]) for source in table if source.state == "present"}
        assert here == set(contents.items())
        assert {(source.path, source.sha256) for source in table} == ever
        assert len(table) == len(ever)
        assert all(batches.get((source.path, source.sha256), source.batch) == source.batch for source in table)
        assert history.renewed(table, "mine", files(**contents))[1].text == ""
