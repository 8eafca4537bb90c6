"""The parameters of a stage, read as DVC reads them, and no more often than they change."""

import json
from pathlib import Path

import pytest
from dvc.dependency import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo

from flows.dvc import parameters
from flows.dvc.parameters import Parameters

VALUES = {"a": {"b": [1, {"c": 1e-5}], "d": None}, "e": "text"}


@pytest.fixture
def checkout(tmp_path: Path) -> Repo:
    (tmp_path / "params.yaml").write_text(json.dumps(VALUES))
    return Repo.init(str(tmp_path), no_scm=True)


def dependency(checkout: Repo, *keys: str, file: str = "params.yaml") -> ParamsDependency:
    return ParamsDependency(None, str(Path(checkout.root_dir) / file), list(keys), repo=checkout)


@pytest.mark.parametrize("keys", [(), ("a", "e"), ("a.b",), ("a.b.1.c", "a.d")])
def test_what_is_read_is_what_dvc_reads(checkout, keys):
    dep = dependency(checkout, *keys)
    assert Parameters().of(dep) == dep.get_hash().value


@pytest.mark.parametrize(
    ("keys", "file"), [(("a.x", "e"), "params.yaml"), (("e.f",), "params.yaml"), (("a",), "no.yaml")]
)
def test_what_is_missing_is_said_in_dvcs_words(checkout, keys, file):
    dep = dependency(checkout, *keys, file=file)
    with pytest.raises(DvcException) as theirs:
        dep.get_hash()
    with pytest.raises(DvcException) as ours:
        Parameters().of(dep)
    assert str(ours.value) == str(theirs.value)


def test_a_file_is_read_once_until_it_changes(checkout, monkeypatch):
    reads = []
    load = parameters.load_path
    monkeypatch.setattr(parameters, "load_path", lambda *args: reads.append(args) or load(*args))
    known = Parameters()
    assert [known.of(dependency(checkout, key)) for key in ("a.d", "e")] == [{"a.d": None}, {"e": "text"}]
    assert len(reads) == 1
    (Path(checkout.root_dir) / "params.yaml").write_text(json.dumps({"e": "other"}))
    assert known.of(dependency(checkout, "e")) == {"e": "other"}
    assert len(reads) == 2
