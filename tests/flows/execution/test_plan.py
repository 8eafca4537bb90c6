import shutil
from pathlib import Path

import pytest

from flows.execution.plan import table


def said(checkout) -> str:
    return "\n".join(table(checkout.decisions().values()))


def test_nothing_made_yet_would_run_parents_first(checkout):
    decisions = checkout.decisions()
    assert {found.verdict for found in decisions.values()} == {"run"}
    assert "has never been computed here" in said(checkout)
    assert "waits for left, pair@x, pair@y" in said(checkout)


def test_what_is_there_is_up_to_date_in_the_workspace(made):
    assert {(found.verdict, found.place) for found in made.decisions().values()} == {("up to date", "workspace")}


def test_a_changed_parameter_is_named_with_both_values_and_only_its_descendants_wait(made):
    made.write(left__value=20)
    decisions = made.decisions()
    assert {name for name, found in decisions.items() if found.verdict == "run"} == {"left", "join"}
    assert [str(reason) for reason in decisions["left"].reasons] == ["parameter left.value: 2 → 20"]
    assert [str(reason) for reason in decisions["join"].reasons] == ["waits for left"]
    assert "unless its inputs stay the same" in said(made)


def test_a_shared_parameter_concerns_every_stage_that_reads_it(made):
    made.write(formats__fps=16)
    run = {name for name, found in made.decisions().items() if found.verdict == "run"}
    assert run == {"seed", "left", "pair@x", "pair@y", "join"}


def test_changed_code_is_named_by_module(made):
    lock = Path("codelock/work.json")
    lock.write_text('{"components.work.ops": "cccc", "components.work.stage": "bbbb"}\n')
    assert [str(reason) for reason in made.decisions()["seed"].reasons] == ["code components.work.ops: aaaa → cccc"]
    shutil.rmtree(".videopoet")  # another checkout: git knows the old content
    assert "code components.work.ops: aaaa → cccc" in said(made)


def test_a_changed_command_is_shown(made):
    graph = Path("dvc.yaml")
    graph.write_text(graph.read_text().replace("work.py apart", "-B work.py apart"))
    (reason,) = made.decisions()["apart"].reasons
    assert (reason.kind, reason.old, reason.new) == (
        "command",
        "python work.py apart out/apart",
        "python -B work.py apart out/apart",
    )


def test_a_plan_needs_no_data(made):
    shutil.rmtree("out")
    assert {(found.verdict, found.place) for found in made.decisions().values()} == {("up to date", "cache")}
    made.write(join__value=50)
    assert {name for name, found in made.decisions().items() if found.verdict == "run"} == {"join"}
    assert not Path("out").exists()


def test_a_parameter_set_back_is_restored_not_run(made):
    made.write(left__value=20)
    made.bring()
    made.write()
    decisions = made.decisions()
    assert [decisions[name].verdict for name in ("left", "join", "apart")] == ["restore", "restore", "up to date"]
    assert "parameter left.value: 20 → 2" in said(made)


def test_a_result_that_is_gone_everywhere_would_be_made_again(made):
    shutil.rmtree("out")
    shutil.rmtree(".dvc/cache/files")
    assert "is not in the workspace, the cache" in str(made.decisions()["seed"].reasons[0])


def test_a_missing_source_is_named(checkout):
    Path("codelock/work.json").unlink()
    assert "codelock/work.json is missing" in said(checkout)


def test_the_remote_is_looked_at_before_anything_is_run(checkout, tmp_path):
    Path(".dvc/config").write_text(f"[core]\n    remote = store\n['remote \"store\"']\n    url = {tmp_path}/remote\n")
    checkout.bring()
    from dvc.repo import Repo

    with Repo() as repo:
        repo.push(run_cache=True)
    shutil.rmtree("out")
    shutil.rmtree(".dvc/cache")
    assert {(found.verdict, found.place) for found in checkout.decisions().values()} == {("up to date", "remote")}
    Path("dvc.lock").unlink()
    assert {(found.verdict, found.place) for found in checkout.decisions().values()} == {("restore", "remote")}
    assert not Path(".dvc/cache/files").exists()
    checkout.started()
    checkout.bring()
    assert checkout.started() == []
    assert Path("out/join/text").is_file()


@pytest.mark.parametrize("place", ["workspace", "cache"])
def test_a_lost_lock_costs_no_run(made, place):
    Path("dvc.lock").unlink()
    if place == "cache":
        shutil.rmtree("out")
    assert {(found.verdict, found.place) for found in made.decisions().values()} == {("restore", place)}


def test_an_input_that_is_part_of_an_output_waits_for_its_maker(made):
    graph = Path("dvc.yaml")
    graph.write_text(graph.read_text().replace("deps: [out/seed]", "deps: [out/seed/text]"))
    assert "input out/seed/text: none → " in said(made)
    made.write(seed__value=10)
    assert [str(reason) for reason in made.decisions()["pair@x"].reasons][-1] == "waits for seed"


def test_a_key_without_value_is_not_the_same_as_no_key(made):
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("apart:\n", "apart:\n  more: null\n"))
    assert [str(reason) for reason in made.decisions()["apart"].reasons] == ["parameter apart.more: none → None"]
