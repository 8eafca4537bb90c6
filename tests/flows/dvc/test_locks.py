import json
import os

from flows.dvc import locks

DEAD = 2**22 + 1  # beyond the largest process ID of Linux
MINE = os.getpid()


def test_entries_of_dead_processes_are_dropped(tmp_path):
    path = tmp_path / "rwlock"
    mine, dead = {"pid": MINE, "cmd": "dvc repro"}, {"pid": DEAD, "cmd": "dvc repro"}
    path.write_text(json.dumps({"write": {"a": mine, "b": dead}, "read": {"c": [mine, dead]}}))
    locks.drop_stale(path)
    assert json.loads(path.read_text()) == {"write": {"a": mine}, "read": {"c": [mine]}}


def test_an_entry_written_before_its_process_began_is_of_another_one(tmp_path):
    path = tmp_path / "rwlock"
    path.write_text(json.dumps({"write": {"a": {"pid": MINE, "cmd": "dvc repro"}}, "read": {}}))
    os.utime(path, (1, 1))
    locks.drop_stale(path)
    assert json.loads(path.read_text())["write"] == {}


def test_a_file_that_a_kill_cut_off_is_removed_and_a_missing_one_is_none(tmp_path):
    path = tmp_path / "rwlock"
    path.write_text('{"write": {')
    locks.drop_stale(path)
    assert not path.exists()
    locks.drop_stale(path)
    assert not path.exists()
