import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.runs import record_view, run_records


@pytest.fixture
def two(made) -> tuple[Path, Path]:
    """The records of two runs: in the second a parameter, the code and a command have changed."""
    first = made.record()
    made.write(left__value=20)
    lock = Path("codelock/work.json")
    lock.write_text(lock.read_text().replace("bbbb", "cccc"))
    graph = Path("dvc.yaml")
    graph.write_text(graph.read_text().replace("python work.py apart", "python  work.py apart"))
    return first, made.record()


def test_a_difference_names_command_parameter_code_outputs_and_metrics(two):
    lines = list(record_view.difference(*two))
    assert "command apart: python work.py apart out/apart → python  work.py apart out/apart" in lines
    assert "parameter left.value: 2 → 20" in lines
    assert "code components.work.stage: bbbb → cccc" in lines
    assert [line.split(":")[0] for line in lines if line.startswith("output")] == ["output out/join", "output out/left"]
    assert "metric out/join.letters.judge: 12.0 → 13.0" in lines
    assert len(lines) == 6


def test_equal_runs_are_said_to_be_equal(two):
    first, second = (path.name for path in two)
    result = CliRunner().invoke(app, ["runs", "diff", first[:4], first])
    assert result.output == "the runs are equal: the same inputs and the same outputs\n"
    assert "parameter left.value: 2 → 20" in CliRunner().invoke(app, ["runs", "diff", first, second]).output


def test_a_stage_of_one_run_only_and_another_machine_are_named(two):
    first, second = two
    record = run_records.read(second)
    del record["stages"]["apart"]
    record["made"] = [item for item in record["made"] if item["stage"] != "apart"]
    record["numerics"] |= {"torch": "1.0", "versions": {"torch": "1.0"}}
    (second / "record.json").write_text(json.dumps(record))
    assert "stage apart: only in the old run" in list(record_view.difference(first, second))
    words = list(record_view.circumstances(run_records.read(first), run_records.read(second)))
    assert any(line.startswith("machine torch ") for line in words)
    assert "library torch: none → 1.0" in words


def test_a_record_is_shown_with_what_each_stage_took_and_made(two):
    shown = CliRunner().invoke(app, ["runs", "show", two[0].name[:5]]).output
    record = run_records.read(two[0])
    assert f"run      {record['run']}" in shown
    assert record["written"] in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("pair@x")]
    took = record["took"]["pair@x"]
    assert f"{took['read_bytes'] / 1e6:,.1f}  {took['written_bytes'] / 1e6:>9,.1f}  " in line
    read = sum(note["read_bytes"] for note in record["took"].values())
    assert f"{read / 1e6:,.1f} MB read, " in shown
    assert " written, 0 GPU-seconds\n" in shown
    assert line.endswith(f"out/pair_x {record['outputs']['out/pair_x'][:10]}")
    assert "letters.judge  0" in shown
    raw = CliRunner().invoke(app, ["runs", "show", two[0].name, "--json"]).output
    assert json.loads(raw) == record


def test_runs_are_listed_a_line_each(two):
    lines = CliRunner().invoke(app, ["runs"]).output.splitlines()
    assert {line.split()[0] for line in lines} == {path.name for path in two}


def test_a_record_from_before_the_bytes_were_counted_is_shown(two):
    record = run_records.read(two[0])
    for note in record["took"].values():
        for key in ("read_bytes", "written_bytes", "gpu_s", "gpu_used_s"):
            del note[key]
    (line,) = [line for line in record_view.whole(record) if line.startswith("pair@x")]
    assert line.split()[3:6] == ["?", "?", "?"]


def test_the_share_of_gpus_at_work_is_shown_where_there_were_any(two):
    record = run_records.read(two[0])
    record["took"]["apart"] |= {"gpu_s": 400.0, "gpu_used_s": 300.0}
    assert any(line.endswith(" 400 GPU-seconds, 75% of them at work") for line in record_view.whole(record))
