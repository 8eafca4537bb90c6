import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from flows import source


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return tar.getnames()


def test_an_archive_has_what_git_would_track_as_it_is(made):
    Path("new.py").write_text("new = 1\n")
    Path("work.py").write_text("changed = 1\n")
    (made.root / "codelock/link").symlink_to("work.json")
    (made.root / "params.yaml").unlink()
    source.archive(Path("../source.tar.gz"))
    assert {"new.py", "work.py", "codelock/work.json", "codelock/link", ".gitignore"} <= {
        *names(Path("../source.tar.gz"))
    }
    assert not {"dvc.lock", "params.yaml", "started"} & {*names(Path("../source.tar.gz"))}
    assert not any(name.startswith(("out", ".videopoet", ".git/")) for name in names(Path("../source.tar.gz")))
    source.unpack(Path("../source.tar.gz"), Path("../unpacked"))
    assert Path("../unpacked/work.py").read_text() == "changed = 1\n"
    assert Path("../unpacked/codelock/link").is_symlink()


def test_equal_files_are_equal_bytes(made):
    source.archive(Path("../one.tar.gz"))
    for path in made.root.glob("*.yaml"):
        os.utime(path, (1, 1))
    source.archive(Path("../two.tar.gz"))
    assert Path("../one.tar.gz").read_bytes() == Path("../two.tar.gz").read_bytes()


def test_files_under_a_folder_are_read_without_unpacking(made):
    source.archive(Path("../source.tar.gz"))
    assert source.read(Path("../source.tar.gz"), "codelock") == {
        "codelock/work.json": Path("codelock/work.json").read_bytes()
    }


def test_an_unpacked_source_is_a_repository_of_its_own_without_changes(made):
    source.archive(Path("../source.tar.gz"))
    folder = made.root / "out/inside"
    source.unpack(Path("../source.tar.gz"), folder)
    source.settle(folder, "source", hidden=("/verdict.json",))
    (folder / "verdict.json").write_text("{}")
    os.chdir(folder)
    assert source.difference() == ""
    assert len(source.revision()) == 40


ORDERS = {  # what a source might have git do when it is committed
    ".gitattributes": "* filter=run diff=run merge=run\n",
    ".gitmodules": '[submodule "sub"]\n path = sub\n url = ./sub\n update = !touch {ran}\n',
    ".gitconfig": "[core]\n fsmonitor = touch {ran}\n",
    "config": "[core]\n fsmonitor = touch {ran}\n hooksPath = hooks\n",
    "hooks/pre-commit": "#!/bin/sh\ntouch {ran}\n",
    "HEAD": "ref: refs/heads/main\n",
}
OF_THE_USER = """[filter "run"]
 clean = touch {ran}; cat
 required = true
[core]
 fsmonitor = touch {ran}
 hooksPath = {hooks}
[commit]
 gpgSign = true
[gpg]
 program = touch {ran}; false
[init]
 templateDir = {template}
"""


@pytest.mark.parametrize("name", [*ORDERS, "the user's own", "GIT_CONFIG_COUNT"])
def test_no_program_runs_while_a_source_is_committed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ran, template = tmp_path / "ran", tmp_path / "template"
    hook = template / "hooks/pre-commit"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    (tmp_path / "global").write_text(OF_THE_USER.format(ran=ran, hooks=hook.parent, template=template))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "global"))
    if name == "GIT_CONFIG_COUNT":
        values = {"COUNT": "1", "KEY_0": "core.fsmonitor", "VALUE_0": f"touch {ran}"}
        for key, value in values.items():
            monkeypatch.setenv(f"GIT_CONFIG_{key}", value)
    folder = tmp_path / "folder"
    for path in (".gitattributes", name):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(ORDERS.get(path, "text\n").format(ran=ran))
        (folder / path).chmod(0o755)
    source.settle(folder, "source", hidden=())
    assert not ran.exists()
    monkeypatch.undo()
    assert sorted(source.names(folder)) == sorted({".gitattributes", name})


def test_a_repository_that_came_with_a_source_is_not_taken_for_ours(tmp_path: Path):
    subprocess.run(["git", "init", "-q", tmp_path / "sub"], check=True)
    (tmp_path / "sub/.git/config").write_text(f'[filter "run"]\n clean = touch {tmp_path}/ran; cat\n')
    (tmp_path / "sub/.gitattributes").write_text("* filter=run\n")
    with pytest.raises(ValueError, match="holds a repository"):
        source.settle(tmp_path / "sub", "source", hidden=())
    assert not (tmp_path / "ran").exists()


def test_a_source_that_git_cannot_commit_is_told_in_words(tmp_path: Path):
    (tmp_path / ".gitattributes").write_text("*.py working-tree-encoding=UTF-16\n")
    (tmp_path / "work.py").write_bytes(b"x\n")
    with pytest.raises(ValueError, match="cannot be committed: "):
        source.settle(tmp_path, "source", hidden=())


def test_a_folder_that_follows_stands_at_our_commit_with_its_own_files(made):
    folder = made.root / "out/inside"
    folder.mkdir()
    (folder / "work.py").write_text("changed = 1\n")
    ours = source.revision()
    for _ in range(2):
        source.follow(folder)
    assert (folder / "work.py").read_text() == "changed = 1\n"
    assert source.names(folder) == ["work.py"]
    os.chdir(folder)
    assert source.revision() == ours
    assert "+changed = 1" in source.difference()
