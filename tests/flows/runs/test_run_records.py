import gzip
import json
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.dvc.repository import Repository
from flows.graph.graph import Artifact, Graph, LockEntry, Stage
from flows.machine.workspace import Workspace
from flows.runs import run_records


def written(checkout) -> dict:
    outcomes = checkout.bring()
    entries = {name: outcome.entry for name, outcome in outcomes.items()}
    folder = run_records.write(Workspace(checkout.root), Repository(checkout.root), checkout.graph(), entries)
    return json.loads((folder / "record.json").read_text())


def test_a_run_in_which_nothing_ran_does_not_sign_the_record_anew(checkout, monkeypatch):
    first = written(checkout)
    monkeypatch.setattr("flows.machine.run_state.now", lambda: "2030-01-01T00:00:00+00:00")
    entries = {name: outcome.entry for name, outcome in checkout.bring().items()}
    given = Workspace(checkout.root), Repository(checkout.root), checkout.graph(), entries
    dates = [run_records.read(run_records.write(*given, ran=ran))["written"] for ran in (False, True, False)]
    assert dates == [first["written"], "2030-01-01T00:00:00+00:00", "2030-01-01T00:00:00+00:00"]


def test_a_record_says_what_went_in_what_came_out_and_what_it_took(checkout):
    record = written(checkout)
    assert record["stages"]["left"]["params"]["left"] == {"threads": 2, "value": 2}
    assert list(record["stages"]["left"]["sources"]) == ["codelock/work.json"]
    assert set(record["outputs"]) == {"out/seed", "out/left", "out/pair_x", "out/pair_y", "out/join", "out/apart"}
    assert record["took"]["seed"]["seconds"] > 0
    assert record["took"]["seed"]["bytes"] > 0
    assert record["metrics"]["out/join"] == {"letters.judge": 12}
    assert record["numerics"]["threads"]["left"] == 2
    folder = Path(".videopoet/runs") / record["run"][:10]
    assert {path.name for path in folder.iterdir()} == {
        "record.json",
        "dvc.lock",
        "params.yaml",
        "source.diff",
        "source.tar.gz",
        "files.json",
        "logs",
    }
    assert (folder / "logs/seed.log").read_text() == "seed works\n"


def test_equal_work_has_an_equal_name_wherever_and_whenever_it_was_done(made, templates, monkeypatch):
    first = written(made)["run"]
    monkeypatch.chdir(templates / "made")
    outcomes = type(made)(templates / "made").bring()
    entries = {name: outcome.entry for name, outcome in outcomes.items()}
    assert run_records.identity(made.graph(), entries).run == first


def test_another_parameter_or_another_output_is_another_run():
    stage = Stage("a", "make", ("source",), {}, ("out/a",), ())

    def name(cmd: str = "make", value: int = 1, source: str = "aa", out: str = "bb") -> str:
        entry = LockEntry(cmd, {"a": {"value": value}}, {"source": Artifact(source)}, {"out/a": Artifact(out)})
        return run_records.identity(Graph((stage,)), {"a": entry}).name

    names = [name(), name(cmd="do"), name(value=2), name(source="cc"), name(out="dd")]
    assert len(set(names)) == 5
    assert name() == name()
    assert all(len(found) == 10 for found in names)


def test_the_newest_record_has_a_name_of_its_own_and_so_have_those_before_it(checkout):
    workspace = Workspace(checkout.root)
    with pytest.raises(ValueError, match="0 records here"):
        run_records.find(workspace, "latest")
    for value, written in ((1, "2026-01-01T00:00:00Z"), (2, "2026-01-03T00:00:00Z"), (3, "2026-01-02T00:00:00Z")):
        folder = workspace.folder("runs") / f"{value:010}"
        folder.mkdir()
        (folder / "record.json").write_text(json.dumps({"run": f"{value:064}"[-10:] + "0" * 54, "written": written}))
    found = [run_records.find(workspace, name).name[-1] for name in ("latest", "latest~1", "latest~2")]
    assert found == ["2", "3", "1"]
    with pytest.raises(ValueError, match="3 records here"):
        run_records.find(workspace, "latest~3")


def test_uncommitted_changes_and_new_files_can_be_applied_to_the_revision(made):
    Path("new.py").write_text("new = 1\n")
    subprocess.run(["git", "add", "new.py"], check=True)
    Path("work.py").write_text(Path("work.py").read_text() + "# more\n")
    record = written(made)
    difference = (Path(".videopoet/runs") / record["run"][:10] / "source.diff").read_text()
    assert record["source"]["uncommitted"]
    assert "+new = 1" in difference
    assert "+# more" in difference


def test_what_git_does_not_track_is_in_no_file_of_a_record_and_changes_nothing_about_it(made):
    first = written(made)
    Path(".npmrc").write_text("AWS_SECRET_ACCESS_KEY=topsecret\n")
    record = written(made)
    folder = Path(".videopoet/runs") / record["run"][:10]
    assert record["source"] == first["source"] == {**first["source"], "uncommitted": False}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        assert b"topsecret" not in content, path
        assert b".npmrc" not in content, path


def test_records_are_listed_and_found_by_their_first_digits(made):
    run = written(made)["run"]
    workspace = Workspace(made.root)
    assert [record["run"] for record in run_records.listed(workspace)] == [run]
    assert run_records.read(run_records.find(workspace, run[:4]))["run"] == run
    with pytest.raises(ValueError, match="0 records begin with `zz`"):
        run_records.find(workspace, "zz")


def test_a_result_made_elsewhere_has_no_times(made):
    for path in Path(".videopoet/stages").iterdir():
        path.unlink()
    assert set(map(str, written(made)["took"].values())) == {"{}"}


def test_three_videos_of_different_tasks_are_worth_naming(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("samples").mkdir()
    rows = [
        {"task": task, "stage": stage, "path": f"media/{task}_{stage}.mp4"}
        for task in ("outpainting", "text-to-image", "text-to-video")
        for stage in ("base", "super_resolution")
    ]
    rows[2]["path"] = rows[3]["path"] = "media/picture.png"
    pq.write_table(pa.Table.from_pylist(rows), "samples/samples.parquet")
    graph = Graph((Stage("generate", "make", (), {}, ("samples",), ()),))
    assert [path.name for path in run_records.videos_of(graph, 3)] == [
        "text-to-video_super_resolution.mp4",
        "outpainting_super_resolution.mp4",
        "text-to-video_base.mp4",
    ]
