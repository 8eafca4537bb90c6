from pathlib import Path

from flows.graph import fingerprint


def test_a_class_of_machine_differs_by_what_changes_bytes_only():
    one = fingerprint.current(2)
    assert fingerprint.differences(one, fingerprint.current(2)) == []
    assert fingerprint.differences(one, fingerprint.current(1)) == ["threads 2 → 1"]
    assert fingerprint.differences(one, one | {"world_size": 2}) == ["world_size 1 → 2"]
    assert fingerprint.differences(one, {"threads": 2, "cores": 64}) == []


def test_the_build_of_a_version_is_no_other_version():
    assert fingerprint.changed({"torch": "2.1+cpu", "av": "1"}, {"torch": "2.1+cu130", "numpy": "2"}) == [
        ("av", "1", ""),
        ("numpy", "", "2"),
    ]


def test_versions_are_those_of_the_packages_that_constraints_name(tmp_path):
    constraints = Path(tmp_path / "constraints.txt")
    constraints.write_text("# pinned\npytest==0.1  # old\nnobody-has-this==1\n")
    assert fingerprint.pinned(constraints) == {"pytest": "0.1", "nobody-has-this": "1"}
    assert list(fingerprint.installed(constraints)) == ["pytest"]
