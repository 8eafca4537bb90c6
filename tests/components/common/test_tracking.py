"""Tracking writes to MLflow's store, and never costs a stage its work."""

from pathlib import Path

import pytest

from components.common.tracking import MlflowTracker, Tracker


def test_metrics_and_files_are_in_the_run(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("test", artifact_location=(tmp_path / "artifacts").as_uri())
    run = client.create_run(experiment).info.run_id
    (tmp_path / "curve.csv").write_text("step,loss\n")
    tracker = MlflowTracker(uri, run)
    tracker.scalars({"loss": 2.0, "accuracy": 0.5}, 3)
    tracker.file(tmp_path / "curve.csv")
    assert client.get_run(run).data.metrics == {"loss": 2.0, "accuracy": 0.5}
    assert [(point.step, point.value) for point in client.get_metric_history(run, "loss")] == [(3, 2.0)]
    assert [file.path for file in client.list_artifacts(run)] == ["curve.csv"]


def test_a_store_that_fails_is_named_once_and_costs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    tracker = MlflowTracker("ftp://nowhere", "run")
    tracker.scalars({"loss": 1.0}, 1)
    tracker.scalars({"loss": 1.0}, 2)
    assert capsys.readouterr().err.count("tracking stopped: ") == 1


def test_without_a_store_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Tracker().scalars({"loss": 1.0}, 1)
    Tracker().file(tmp_path / "curve.csv")
    assert not list(tmp_path.iterdir())
