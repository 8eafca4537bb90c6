import json
from pathlib import Path

import pytest

from flows.cli import session
from flows.graph.graph import Graph, Stage
from flows.machine.workspace import Workspace


def test_with_nothing_to_run_no_flow_starts_and_the_record_is_named(made, capsys, monkeypatch):
    monkeypatch.setattr(session, "_flow", lambda *_, **__: pytest.fail("it started a flow"))
    assert session.run(Workspace(made.root), (), force=False) == 0
    first = capsys.readouterr().out
    assert "6 stages, all up to date: nothing to run" in first
    assert session.run(Workspace(made.root), (), force=False) == 0
    assert capsys.readouterr().out == first
    assert made.started() == []
    assert (Path(".videopoet/runs") / first.split()[-1] / "index.html").is_file()


def test_a_run_of_some_stages_ends_with_their_pages_only(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for page in ("report/index.html", "data/card/card.html"):
        Path(page).parent.mkdir(parents=True)
        Path(page).touch()
    outs = {"data_card": "data/card", "report": "report"}
    graph = Graph(tuple(Stage(name, "make", (), {}, (out,), ()) for name, out in outs.items()))
    workspace, record = Workspace(tmp_path), tmp_path / ".videopoet/runs/0123456789"
    record.mkdir(parents=True)
    for stages, pages in ((["data_card"], ["card    data/card/card.html"]), (outs, ["report  report/index.html"])):
        (record / "record.json").write_text(json.dumps({"took": {key: {} for key in stages}}))
        session._close(workspace, graph, record)
        assert capsys.readouterr().out.splitlines()[:-2] == pages


def test_what_a_new_record_leaves_out_is_told_once(made, capsys):
    Path(".env").write_text("KEY=topsecret\n")
    assert session.run(Workspace(made.root), (), force=False) == 0
    assert capsys.readouterr().err == (
        "warning: not in the record's source, because git does not track them: "
        ".env (`git add` the files that a run needs)\n"
    )
    assert session.run(Workspace(made.root), (), force=False) == 0
    assert capsys.readouterr().err == ""


def test_a_plan_counts_what_would_run(made, capsys):
    made.write(left__value=20)
    session.show_plan(Workspace(made.root), (), with_estimate=False)
    assert "2 of 6 stages would run" in capsys.readouterr().out


def test_a_plan_says_what_it_will_take_if_that_is_asked(made, capsys):
    session.run(Workspace(made.root), (), force=False)  # writes the record
    made.write(join__value=50)
    session.show_plan(Workspace(made.root), (), with_estimate=True)
    said = capsys.readouterr().out
    assert "core-seconds, 0 GPU-hours (from runs" in said
    assert "measured with other parameters: join" in said


def test_a_fault_in_the_parameters_stops_before_any_work(checkout, monkeypatch):
    """A graph of real components: here only `pretrained`, which has the smallest configuration."""
    graph = Path("dvc.yaml")
    command = "python -m components pretrained --params apart --output out/apart"
    graph.write_text(graph.read_text().replace("python work.py apart out/apart", command))
    with pytest.raises(ValueError, match="section `apart`"):
        session.run(Workspace(checkout.root), (), force=False)
    assert checkout.started() == []
    assert not Path("out").exists()
