"""MLflow as it is, in a store that all tests share."""

from pathlib import Path

from flows.graph.graph import Stage
from flows.machine.workspace import Workspace
from flows.runs.tracking import EXPERIMENT, Tracking, measures, media


def test_a_stage_that_ran_is_a_child_of_the_pipelines_run(checkout):
    from mlflow import MlflowClient

    coordinator = checkout.coordinator("left")
    for stage in coordinator.graph.upstream_of(["left"]):
        coordinator.ensure_up_to_date(stage, lambda _: None)
    coordinator.tracking.close("FINISHED", {"run": "0123456789"})
    client = MlflowClient(coordinator.tracking.uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    child, seed, parent = client.search_runs([experiment.experiment_id], max_results=3)
    assert (parent.info.run_name, parent.data.tags["run"]) == ("pipeline", "0123456789")
    assert (seed.info.run_name, child.info.run_name) == ("seed", "left")
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    entry = coordinator.repository.recorded("left")
    assert child.data.tags["output.out/left"] == entry.outs["out/left"].md5
    assert (child.data.params["left.value"], child.data.params["formats.fps"]) == ("2", "8")
    assert child.data.metrics == {"letters.judge": 2.0}
    assert {run.info.status for run in (child, seed, parent)} == {"FINISHED"}


def test_a_run_in_which_nothing_runs_leaves_no_trace(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    Tracking(Workspace(tmp_path)).close("FINISHED", {})
    assert not (tmp_path / ".videopoet/mlflow.db").exists()


def test_a_store_that_fails_fails_no_stage(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://store")
    tracking = Tracking(Workspace(tmp_path))
    assert tracking.start(Stage("seed", "make", (), {}, (), ())) == {}
    tracking.finish({}, "FINISHED", None)
    tracking.close("FINISHED", {})
    assert "tracking stopped" in caplog.text


def test_measures_have_names_that_the_store_accepts(tmp_path):
    (tmp_path / "metrics.json").write_text('{"distance[local-judge]": 1, "a/b c": 2.5, "note": "text"}')
    assert measures(tmp_path) == {"distance.local-judge": 1.0, "a/b c": 2.5}
    assert measures(tmp_path / "nothing") == {}


def test_a_few_small_pictures_and_clips_are_kept(tmp_path):
    for number in range(9):
        (tmp_path / f"{number}.png").write_bytes(b"x")
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "shard.arrow").write_bytes(b"x")
    assert [path.name for path in media(tmp_path)] == ["0.png", "1.png", "2.png", "3.png", "a.mp4"]
    assert media(Path("nothing")) == []
