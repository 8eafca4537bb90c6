from pathlib import Path

import pytest

from flows.machine.workspace import Workspace, enter


def test_a_checkout_is_found_from_any_folder_in_it(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").touch()
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert enter().root == tmp_path
    assert Path.cwd() == tmp_path


def test_outside_of_a_checkout_is_an_error_in_words(tmp_path):
    with pytest.raises(ValueError, match=r"is not in a checkout.*dvc\.yaml"):
        Workspace.find(tmp_path)


def test_tracking_is_local_unless_a_store_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert Workspace(tmp_path).tracking_uri == f"sqlite:///{tmp_path}/.videopoet/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://store.example")
    assert Workspace(tmp_path).tracking_uri == "http://store.example"
