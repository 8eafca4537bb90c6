"""What is pinned is what its hash says, wherever its bytes are."""

import shutil
import subprocess
from pathlib import Path

import pytest

from components.common import errors
from flows.dvc import pins
from flows.dvc.repository import Repository
from flows.graph.graph import Artifact

USES = """
  uses:
    cmd: python work.py join out/uses given/seed
    deps: [given/seed]
    params: [join]
    outs: [out/uses]
"""


@pytest.fixture
def pinned(made) -> Artifact:
    """A stage `uses` of what `seed` made, pinned at another path where nothing lies yet."""
    return pin_seed(made)


@pytest.fixture
def away(checkout, remote) -> Artifact:
    """The same, with what is pinned in the remote alone."""
    checkout.bring("seed")
    Repository(checkout.root).push(["seed"])
    shutil.rmtree(".dvc/cache/files")
    return pin_seed(checkout)


def pin_seed(checkout) -> Artifact:
    Path("dvc.yaml").write_text(Path("dvc.yaml").read_text() + USES)
    item = Repository(checkout.root).recorded("seed").outs["out/seed"]
    pins.write(Path("base.dvc"), {"given/seed": item})
    Path(".gitignore").write_text(Path(".gitignore").read_text() + "/given/\n")
    return item


def test_a_pin_is_known_before_its_bytes_are_here_and_they_come_when_a_stage_runs(made, pinned):
    repository = Repository(made.root)
    assert repository.pins == {"given/seed": pinned}
    assert made.decisions()["uses"].reasons[0].name == "has never been computed here"
    assert not Path("given").exists()
    assert made.bring("uses")["uses"].entry.deps["given/seed"].md5 == pinned.md5
    assert Path("given/seed/text").read_bytes() == Path("out/seed/text").read_bytes()
    assert made.decisions()["uses"].verdict == "up to date"


def test_dvc_takes_the_stage_for_up_to_date_too(made, pinned):
    made.bring("uses")
    lock = made.lock()
    made.started()
    made.repro()
    assert (made.started(), made.lock()) == ([], lock)


def test_a_pin_that_moved_runs_what_reads_it_again_and_the_plan_names_it(made, pinned):
    made.bring("uses")
    other = Repository(made.root).recorded("left").outs["out/left"]
    pins.write(Path("base.dvc"), {"given/seed": other})
    decision = made.decisions()["uses"]
    assert [str(reason) for reason in decision.reasons] == [f"input given/seed: {pinned.md5[:10]} → {other.md5[:10]}"]
    made.bring("uses")
    assert Path("given/seed/text").read_bytes() == Path("out/left/text").read_bytes()


def test_a_result_of_the_run_cache_brings_its_pins_too(made, pinned):
    made.bring("uses")
    for path in ("given", "out/uses"):
        shutil.rmtree(path)
    Path("dvc.lock").unlink()
    made.started()
    assert made.bring("uses")["uses"].how == "restored"
    assert made.started() == []


def test_a_pin_that_is_nowhere_is_named(made, pinned):
    shutil.rmtree(".dvc/cache/files")
    with pytest.raises(ValueError, match=f"given/seed \\({pinned.md5}\\) is neither in the cache nor in the remote"):
        Repository(made.root).prepare("uses")


def test_a_pin_comes_from_the_remote_and_a_remote_that_does_not_answer_does_not_make_it_nowhere(checkout, remote, away):
    elsewhere = remote.rename(remote.with_name("elsewhere"))
    remote.write_text("no folder")
    with pytest.raises(errors.Retryable, match="remote `store`"):
        Repository(checkout.root).prepare("uses")
    remote.unlink()
    elsewhere.rename(remote)
    assert checkout.bring("uses")["uses"].entry.deps["given/seed"].md5 == away.md5


def test_a_pin_of_which_the_remote_has_a_part_only_is_not_taken_for_whole(checkout, remote, away):
    next(path for path in remote.glob("files/md5/*/*") if path.read_bytes() == b"1\n").unlink()
    with pytest.raises(errors.Retryable, match=r"remote `store`.*could not be read"):
        Repository(checkout.root).prepare("uses")


def test_another_checkout_on_this_machine_gets_cache_and_remotes_by_their_whole_paths(checkout, remote, tmp_path):
    text = pins.settings(Repository(checkout.root).dvc)
    other = tmp_path / "deep/er/other"
    other.mkdir(parents=True)
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"]):
        subprocess.run(command, cwd=other, check=True)
    (other / ".dvc/config.local").write_text(text)
    (other / "dvc.yaml").write_text("stages: {}\n")
    found = Repository(other)
    assert Path(found.dvc.cache.local_cache_dir) == checkout.root / ".dvc/cache"
    assert str(remote) in found.remote.place
