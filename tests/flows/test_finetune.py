"""The champion, trained further on what is new, in a checkout of its own."""

import json
import os
import shutil
import subprocess
import sys
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.common import errors
from components.ingest import sources
from flows.dvc.repository import Repository
from flows.finetune import FinetuneResult, finetune
from flows.finetuning.base import Base
from flows.finetuning.layout import lay_out, new_sources
from flows.graph import lockfile
from flows.machine.workspace import Workspace
from flows.promotion import cleanup
from flows.promotion.cleanup import RetentionPolicy
from flows.runs import source_archive
from flows.runs.registry import Registry
from tests.flows.tunable import Tunable, sha256

LETTERS = "abcdefgh"


def tuned(**options: Any) -> tuple[str, FinetuneResult]:
    """Run the flow; the name of its final state, and what became of the fine-tune."""
    state = finetune(**options, return_state=True)
    result = state.result(raise_on_failure=False)
    assert isinstance(result, FinetuneResult), result
    return state.name, result


def aliases() -> dict[str, str]:
    return {alias: found.run for found in Registry(os.environ["MLFLOW_TRACKING_URI"]).all() for alias in found.aliases}


def pinned(checkout: Tunable) -> dict[str, str]:
    outs = yaml.safe_load((checkout.there.root / "base.dvc").read_text())["outs"]
    return {out["path"]: out["md5"] for out in outs}


def outputs(record: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = record["outputs"]
    return found


@pytest.fixture
def champion(tunable: Tunable, prefect_server: str) -> str:
    """The run of `tunable` that is champion."""
    return next((tunable.root / ".videopoet/runs").iterdir()).name


def test_without_a_champion_it_says_what_to_do(champion: str, empty_registry: str):
    state = finetune(return_state=True)
    assert state.is_failed()
    with pytest.raises(ValueError, match="no champion to start from: `videopoet run`, then `videopoet promote`"):
        state.result()


def test_too_few_new_files_and_it_is_skipped_before_anything_is_made(tunable: Tunable, champion: str):
    tunable.sources("abcd")
    name, result = tuned()
    assert (name, result.became, result.base, result.new_sources) == ("Skipped", "skipped", champion, 1)
    assert result.text == f"1 new files since {champion}, at least 2 are needed"
    assert not tunable.there.root.exists()


def test_too_few_new_clips_and_it_is_skipped_after_the_filter_with_no_record(tunable: Tunable, champion: str):
    tunable.sources("abcdxy")
    name, result = tuned()
    assert (name, result.new_sources, result.new_clips) == ("Skipped", 3, 1)
    assert result.text == f"1 new clips with a caption to train on since {champion}, at least 2 are needed"
    assert tunable.there.started() == ["ingest", "filter"]
    assert [path.name for path in (tunable.root / ".videopoet/runs").iterdir()] == [champion]
    assert aliases() == {"champion": champion}


def test_clips_without_words_count_only_where_a_task_needs_none(tunable: Tunable, champion: str):
    tunable.sources("abcdw")
    assert tuned()[1].text == f"1 new clips with a caption to train on since {champion}, at least 2 are needed"
    settings = yaml.safe_load(Path("params.yaml").read_text())
    settings["finetune"]["training"]["mix"]["tasks"]["image_to_video"] = 1.0  # reads a caption, and
    settings["finetune"]["training"]["mix"]["tasks"]["frame_prediction"] = 1.0  # this one reads none
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    assert tuned()[1].new_clips == 2


def test_a_better_one_is_promoted_and_all_but_what_it_learned_is_the_champions_by_hash(tunable: Tunable, champion: str):
    before = outputs(tunable.record(champion))
    lock, models = tunable.lock(), {path: path.read_bytes() for path in Path("models").rglob("*.json")}
    tunable.sources("abcdex")
    name, result = tuned()
    assert (name, result.became, result.new_clips) == ("Promoted", "promoted", 2)
    assert aliases() == {"champion": result.run, "previous": champion}
    assert any("0.4 → 0.7" in words for words in result.verdicts)
    record = tunable.record(result.run)
    assert pinned(tunable) == {
        "base/data/filtered": before["data/filtered"],
        "base/models/net": before["models/net"],
        "models/judge": before["models/judge"],
    }
    assert record["stages"]["finetune"]["sources"]["base/models/net"] == before["models/net"]
    assert record["stages"]["finetune"]["params"]["finetune.base"].startswith(champion)
    assert record["stages"]["evaluate"]["sources"]["models/judge"] == before["models/judge"]
    assert [one.sha256 for one in sources.read(tunable.there.root / "data/sources.parquet")] == [
        sha256(one) for one in "dex"
    ]
    assert tunable.lock() == lock  # the checkout that asked is as it was
    assert {path: path.read_bytes() for path in Path("models").rglob("*.json")} == models
    assert tunable.started() == []


def test_one_that_is_no_better_is_refused_with_its_table(tunable: Tunable, champion: str):
    tunable.settle(gain=1)
    tunable.sources("abcde")
    name, result = tuned()
    assert (name, result.became) == ("Refused", "refused")
    assert result.text == f"{result.run} is no better than {champion}"
    assert aliases() == {"champion": champion, "candidate": result.run}
    table = json.loads((tunable.root / f".videopoet/decisions/{result.run}-{champion}.json").read_text())
    assert (table["decision"], [verdict["passed"] for verdict in table["verdicts"]]) == ("refused", [True, False])


def test_it_may_be_left_as_candidate_and_be_decided_about_later(tunable: Tunable, champion: str, monkeypatch):
    tunable.sources("abcde")
    name, result = tuned(promote=False)
    assert (name, result.became, result.verdicts) == ("Candidate", "candidate", ())
    assert aliases() == {"champion": champion, "candidate": result.run}
    monkeypatch.chdir(tunable.there.root)
    command = [sys.executable, "-m", "flows.cli", "promote"]
    done = subprocess.run(command, env=tunable.environment(), capture_output=True, text=True, check=True)
    assert f"promoted: {result.run} is champion" in done.stdout
    assert aliases() == {"champion": result.run, "previous": champion}


def test_the_next_one_starts_from_the_one_before(tunable: Tunable, champion: str):
    tunable.settle(gain=30)
    tunable.sources("abcde")
    _, first = tuned()
    assert tuned()[1].text == f"0 new files since {first.run}, at least 2 are needed"
    tunable.settle(gain=25)
    tunable.sources("abcdefg")
    _, second = tuned()
    assert (second.became, second.base, second.new_clips) == ("promoted", first.run, 2)
    of_first, of_champion = outputs(tunable.record(first.run)), outputs(tunable.record(champion))
    assert pinned(tunable) == {
        "base/data/filtered": of_first["data/filtered"],
        "base/models/net": of_first["models/net"],
        "models/judge": of_champion["models/judge"],
    }
    assert json.loads((tunable.there.root / "models/net/value.json").read_text()) == pytest.approx(0.95)
    assert json.loads((tunable.there.root / "data/filtered/value.json").read_text()) == [
        *sorted(map(sha256, "abc")),
        *sorted(map(sha256, "de")),
        *sorted(map(sha256, "fg")),
    ]
    known = {one.sha256 for one in sources.read(tunable.there.root / "data/known_sources.parquet")}
    assert known == {sha256(one) for one in "abcde"}


@pytest.mark.slow
def test_a_whole_training_is_compared_with_a_champion_that_was_fine_tuned(tunable: Tunable, champion: str):
    tunable.sources("abcde")
    _, result = tuned()
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("value: 0.4", "value: 0.9"))
    candidate = tunable.crown()
    assert aliases() == {"champion": candidate, "previous": result.run}


@pytest.mark.slow
def test_dvc_repro_in_its_checkout_makes_what_the_flow_makes(tunable: Tunable, champion: str):
    tunable.sources("abcde")
    workspace = Workspace(tunable.root)
    base = Base.champion(workspace)
    there = lay_out(workspace, base, new_sources(base))
    for command in (["dvc", "pull", "-q", "base.dvc"], ["dvc", "repro", "-q"]):
        subprocess.run(command, cwd=there.root, check=True, env=tunable.environment())
    assert tunable.there.started() == ["ingest", "filter", "finetune", "generate", "evaluate"]
    lock = tunable.there.lock()
    assert tuned()[1].became == "promoted"
    assert tunable.there.started() == []
    assert tunable.there.lock() == lock


@pytest.mark.slow
def test_a_pin_that_was_changed_by_hand_counts_as_what_its_hash_says(tunable: Tunable, champion: str):
    tunable.sources("abcde")
    tuned(promote=False)
    net = tunable.there.root / "base/models/net/value.json"
    net.chmod(0o644)
    net.write_text("99")
    tunable.settle(gain=31)
    _, result = tuned()
    assert any("0.4 → 0.71" in words for words in result.verdicts)
    assert net.read_text() == "0.4"


def test_what_a_stage_cannot_do_is_told_and_nothing_is_decided(tunable: Tunable, champion: str):
    tunable.sources("abcde")
    shutil.rmtree(".dvc/cache/files")
    shutil.rmtree(tunable.root.parent / "store/files")
    state = finetune(return_state=True)
    assert state.is_failed()
    assert aliases() == {"champion": champion}


def test_its_plan_names_the_base_and_what_would_run_and_runs_nothing(tunable: Tunable, champion: str):
    def planned() -> str:
        command = [sys.executable, "-m", "flows.cli", "finetune", "--plan"]
        done = subprocess.run(command, env=tunable.environment(), capture_output=True, text=True, check=True)
        return done.stdout

    assert planned().splitlines() == [
        f"base {champion}, 0 new files (at least 2 are needed)",
        "would be skipped",
    ]
    tunable.sources("abcde")
    said = planned()
    assert f"base {champion}, 2 new files" in said
    assert "5 of 5 stages would run" in said
    assert tunable.there.started() == []
    assert not (tunable.there.root / "base").exists()


def test_laid_out_anew_it_has_the_present_code_and_none_of_the_past(tunable: Tunable, champion: str):
    tunable.sources("abcde")
    workspace, base = Workspace(tunable.root), Base.champion(Workspace(tunable.root))
    Path("old.py").write_text("old = 1\n")
    subprocess.run(["git", "add", "old.py"], check=True)
    there = lay_out(workspace, base, new_sources(base))
    (there.root / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    (there.root / ".env").write_text("as an earlier version laid it out\n")
    subprocess.run(["git", "mv", "old.py", "new.py"], check=True)
    lay_out(workspace, base, new_sources(base))
    assert (there.root / "new.py").is_file()
    assert not (there.root / "old.py").exists()
    assert not (there.root / ".env").exists()
    assert (
        there.root / "dvc.lock"
    ).read_text() == "schema: '2.0'\nstages: {}\n"  # what was made stays for DVC to judge


def test_its_source_is_this_checkouts_and_what_it_was_laid_out_with(tunable: Tunable, champion: str):
    tunable.sources("abcde")
    for name in ("components/staged.py", "components/locked.py", ".env", "kubeconfig"):
        Path(name).write_text("KEY = 1\n")
    subprocess.run(["git", "add", "components/staged.py"], check=True)
    Path("codelock/work.json").write_text('{"components.work": "aaaa", "components.locked": "1"}')
    Path(".gitignore").write_text(Path(".gitignore").read_text().replace("!/data/known", "#"))
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split()
    _, result = tuned(promote=False)
    record = tunable.root / ".videopoet/runs" / result.run
    source_archive.unpack(record / source_archive.ARCHIVE, tunable.root.parent / "unpacked")
    found = {
        str(path.relative_to(tunable.root.parent / "unpacked")) for path in files(tunable.root.parent / "unpacked")
    }
    own = {"base.dvc", "data/known_sources.parquet", "components/locked.py", "codelock/graph.yaml"}
    assert found == {*tracked, *own} - {"dvc.lock"}
    new = {
        line.split(" b/")[1] for line in (record / "source.diff").read_text().splitlines() if line.startswith("diff")
    }
    assert {*own, "components/staged.py", "dvc.yaml", "params.yaml"} <= new
    assert not [path for path in files(tunable.there.root) if path.name in (".env", "kubeconfig")]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_only_one_works_at_a_time(tunable: Tunable, champion: str):
    tunable.sources("abcde")
    with Path(".videopoet/finetune.lock").open("w") as held:
        flock(held, LOCK_EX)  # by another open file, which is all that tells one process from another
        state = finetune(return_state=True)
    assert state.name == "Skipped"
    assert "another fine-tune" in state.message
    assert isinstance(state.result(raise_on_failure=False), errors.Retryable)  # which the command line ends with
    assert not tunable.there.root.exists()


def test_cleaning_keeps_what_a_fine_tuned_champion_was_given(tunable: Tunable, champion: str):
    tunable.sources("abcde")
    _, result = tuned()
    repository, workspace = Repository(tunable.root), Workspace(tunable.root)
    shutil.rmtree(tunable.there.root)
    Path("dvc.lock").unlink()
    cleanup.cleaning(workspace, repository, RetentionPolicy.read("champion,last=0"), remote=False).carry_out()
    held = lockfile.items(lockfile.read(workspace.home / "runs" / result.run / "dvc.lock"))
    for path in ("models/judge", "models/net", "base/models/net", "data/filtered"):
        assert repository.copy(held[path].md5, tunable.root / "out" / path), path


@pytest.mark.slow
def test_from_the_remote_alone_it_is_reproduced(tunable: Tunable, champion: str, prefect_server: str):
    tunable.sources("abcde")
    _, result = tuned()
    other = tunable.root.parent / "other"
    shutil.copytree(tunable.root, other, ignore=shutil.ignore_patterns(".videopoet", "cache", "tmp", "base", "models"))
    shutil.rmtree(tunable.root)
    os.chdir(other)
    command = [sys.executable, "-m", "flows.cli", "reproduce", result.run]
    given = tunable.environment(PREFECT_API_URL=prefect_server)
    done = subprocess.run(
        [*command, "--media", f"mine={other}"], env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 identical" in done.stdout
