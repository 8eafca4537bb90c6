import gzip
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from flows.runs import source_archive, tarball


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return tar.getnames()


def add(*paths: str) -> None:
    subprocess.run(["git", "add", *paths], check=True)


def test_an_archive_has_what_git_tracks_as_it_is(made):
    Path("new.py").write_text("new = 1\n")
    Path("work.py").write_text("changed = 1\n")
    (made.root / "codelock/link").symlink_to("work.json")
    add("new.py", "codelock/link")
    (made.root / "params.yaml").unlink()
    source_archive.archive(Path("../source.tar.gz"))
    assert {"new.py", "work.py", "codelock/work.json", "codelock/link", ".gitignore"} <= {
        *names(Path("../source.tar.gz"))
    }
    assert not {"dvc.lock", "params.yaml", "started"} & {*names(Path("../source.tar.gz"))}
    assert not any(name.startswith(("out", ".videopoet", ".git/")) for name in names(Path("../source.tar.gz")))
    source_archive.unpack(Path("../source.tar.gz"), Path("../unpacked"))
    assert Path("../unpacked/work.py").read_text() == "changed = 1\n"
    assert Path("../unpacked/codelock/link").is_symlink()


def test_equal_files_are_equal_bytes(made):
    source_archive.archive(Path("../one.tar.gz"))
    for path in made.root.glob("*.yaml"):
        os.utime(path, (1, 1))
    source_archive.archive(Path("../two.tar.gz"))
    assert Path("../one.tar.gz").read_bytes() == Path("../two.tar.gz").read_bytes()


def test_files_under_a_folder_are_read_without_unpacking(made):
    source_archive.archive(Path("../source.tar.gz"))
    assert source_archive.read(Path("../source.tar.gz"), "codelock") == {
        "codelock/work.json": Path("codelock/work.json").read_bytes()
    }


def test_an_unpacked_source_is_a_repository_of_its_own_without_changes(made):
    source_archive.archive(Path("../source.tar.gz"))
    folder = made.root / "out/inside"
    source_archive.unpack(Path("../source.tar.gz"), folder)
    source_archive.init_repository(folder, "source", hidden=("/verdict.json",))
    (folder / "verdict.json").write_text("{}")
    os.chdir(folder)
    assert source_archive.difference() == ""
    assert len(source_archive.revision()) == 40


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
    source_archive.init_repository(folder, "source", hidden=())
    assert not ran.exists()
    monkeypatch.undo()
    assert sorted(source_archive.names(folder)) == sorted({".gitattributes", name})


def test_a_repository_that_came_with_a_source_is_not_taken_for_ours(tmp_path: Path):
    subprocess.run(["git", "init", "-q", tmp_path / "sub"], check=True)
    (tmp_path / "sub/.git/config").write_text(f'[filter "run"]\n clean = touch {tmp_path}/ran; cat\n')
    (tmp_path / "sub/.gitattributes").write_text("* filter=run\n")
    with pytest.raises(ValueError, match="contains a git repository"):
        source_archive.init_repository(tmp_path / "sub", "source", hidden=())
    assert not (tmp_path / "ran").exists()


def test_a_source_that_git_cannot_commit_is_told_in_words(tmp_path: Path):
    (tmp_path / ".gitattributes").write_text("*.py working-tree-encoding=UTF-16\n")
    (tmp_path / "work.py").write_bytes(b"x\n")
    with pytest.raises(ValueError, match="cannot be committed: "):
        source_archive.init_repository(tmp_path, "source", hidden=())


def test_a_folder_that_follows_stands_at_our_commit_with_its_own_files(made):
    folder = made.root / "out/inside"
    folder.mkdir()
    (folder / "work.py").write_text("changed = 1\n")
    ours = source_archive.revision()
    for _ in range(2):
        source_archive.track_head(folder, ["work.py"])
    assert (folder / "work.py").read_text() == "changed = 1\n"
    assert source_archive.names(folder) == ["work.py"]
    os.chdir(folder)
    assert source_archive.revision() == ours
    assert "+changed = 1" in source_archive.difference()


SECRET = "AWS_SECRET_ACCESS_KEY=topsecret"
UNTRACKED = (
    ".env",
    ".env.production",
    "kubeconfig",
    "k8s/secret.yaml",
    "id_rsa",
    ".ssh/id_ed25519",
    "keys/server.pem",
    ".netrc",
    ".aws/credentials",
    "notes.txt",
    "notebooks/first.ipynb",
    "letters/text",  # a folder that dvc.yaml names
    "token",  # what a key in params.yaml is called
    "seed",  # what a section of params.yaml, and a stage, is called
    "out_of_stage/text",
    "work.py.orig",
    "codelock/notes.txt",
    "dvc.yaml~",
    "sub/params.yaml",
    "n\u00e4me",
    "a name\nof two lines",
)


@pytest.fixture
def named(made) -> Path:
    """A checkout whose graph, parameters and codelock name files, none of which is there yet; its folder."""
    edit("dvc.yaml", "params: [apart]", "params: [apart, {more.yaml: [value]}]\n    deps: [data/table.csv, letters]")
    edit("dvc.yaml", "stages:", "vars: [paths.yaml, values.json:some]\nstages:")
    edit("params.yaml", "apart:", "token: {deep: [prompts/all.txt, ../secret, /etc/hostname, out/left/text]}\napart:")
    lock = {"components.work.new": "1", "components.pack": "2", "components/work/templates/page.html": "3"}
    Path("codelock/work.json").write_text(json.dumps(lock))
    return made.root


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new, 1))


def put(*paths: str) -> None:
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f"{SECRET}\n")


@pytest.mark.parametrize("path", UNTRACKED)
def test_an_untracked_file_that_nothing_names_is_left_out_and_told(path: str, named: Path):
    put(path)
    source_archive.archive(Path("../source.tar.gz"))
    assert path not in source_archive.names()
    assert SECRET.encode() not in gzip.decompress(Path("../source.tar.gz").read_bytes())
    assert SECRET not in source_archive.difference()
    assert source_archive.omitted() == [path]
    assert source_archive.omission() == (
        f"not in the record's source, because git does not track them: {path if path.isprintable() else repr(path)} "
        "(`git add` the files that a run needs)"
    )
    add(path)
    assert path in source_archive.names()
    assert SECRET in source_archive.difference()
    assert source_archive.omission() == ""


NEEDED = (
    "components/work/new.py",
    "components/pack/__init__.py",
    "components/work/templates/page.html",
    "prompts/all.txt",
    "data/table.csv",
    "more.yaml",
    "paths.yaml",
    "values.json",
    "base.dvc",
    "data/pin.csv.dvc",
    "data/.gitignore",
    ".dvcignore",
    "codelock/other.json",
)


@pytest.mark.parametrize("path", NEEDED)
def test_an_untracked_file_that_the_run_needs_is_source(path: str, named: Path):
    if path == "codelock/other.json":
        edit("dvc.yaml", "letters]", f"{path}]")
    put(path)
    assert path in source_archive.names()
    assert SECRET in source_archive.difference()
    assert source_archive.omission() == ""


def test_of_a_graph_that_was_never_added_all_is_there_to_run_it(made):
    subprocess.run(["git", "rm", "-rq", "--cached", "."], check=True)
    listed = {"dvc.yaml", "params.yaml", ".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"}
    assert source_archive.names() == sorted(listed | {"codelock/work.json"})
    assert source_archive.omitted() == ["work.py"]


@pytest.mark.parametrize("path", ["prompts/all.txt", "components/pack/__init__.py", "base.dvc"])
def test_a_link_is_not_followed_and_no_source_unless_git_tracks_it(path: str, named: Path, tmp_path: Path):
    (tmp_path / "secret").write_text(SECRET)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).symlink_to(tmp_path / "secret")
    assert source_archive.omitted() == [path]
    assert path not in source_archive.names()
    assert SECRET not in source_archive.difference()


def test_nothing_behind_a_link_that_took_a_folders_place_is_source(named: Path, tmp_path: Path):
    put("prompts/all.txt", "sub/tracked.txt", "sub/deep/tracked.txt")
    add("sub")
    for folder in ("prompts", "sub"):
        shutil.move(folder, tmp_path / folder)
        Path(folder).symlink_to(tmp_path / folder)
    assert {"prompts", "sub"}.isdisjoint(Path(name).parts[0] for name in source_archive.names())
    assert source_archive.omitted() == ["prompts", "sub"]
    assert SECRET not in source_archive.difference().replace(f"-{SECRET}", "")


def test_what_lies_outside_or_is_ignored_or_made_is_no_source_whoever_names_it(named: Path):
    Path("../secret").write_text(SECRET)
    edit("params.yaml", "../secret", f".dvc/config.local, dvc.lock, .env, {named}/notes.txt, ../secret")
    edit(".gitignore", "/out/", "/out/*\n!/out/left\n.env")
    put(".dvc/config.local", ".env", "notes.txt")
    edit("dvc.yaml", "letters]", "out/left/text]")
    edit("params.yaml", ", out/left/text", "")
    assert not {"dvc.lock", ".dvc/config.local", ".env", "notes.txt", "out/left/text"} & {*source_archive.names()}
    assert source_archive.omitted() == [
        "notes.txt",
        *(f"out/left/{name}" for name in ("manifest.json", "metrics.json", "text")),
    ]
    subprocess.run(["git", "add", "--force", ".dvc/config.local"], check=True)
    assert ".dvc/config.local" not in source_archive.names()
    assert SECRET not in source_archive.difference()


@pytest.mark.parametrize("path", ["params.yaml", "dvc.yaml", "codelock/work.json"])
@pytest.mark.parametrize(
    "content", [b"{", b"[1, 2]", b"\xff", b"", b"stages: [1]\n", b"stages: {a: {deps: {b: 1}, outs: 3}}"]
)
def test_a_file_that_is_half_edited_names_nothing(path: str, content: bytes, named: Path):
    put("prompts/all.txt", "notes.txt")
    Path(path).write_bytes(content)
    assert path in source_archive.names()
    assert "notes.txt" in source_archive.omitted()


def test_at_most_ten_omitted_files_are_named(made):
    put(*(f"notes/{number:02}.txt" for number in range(1234)))
    words = source_archive.omission()
    assert "notes/09.txt and 1,224 more (`git add` the files that a run needs)" in words
    assert "notes/10.txt" not in words


def test_without_a_repository_there_is_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    put("dvc.yaml", ".env")
    source_archive.archive(Path("source.tar.gz"))
    assert source_archive.names() == source_archive.omitted() == []
    assert (source_archive.omission(), source_archive.difference(), source_archive.revision()) == ("", "", "")


def test_what_git_tracks_though_it_ignores_it_is_tracked_in_an_unpacked_source_too(made):
    put("started")
    subprocess.run(["git", "add", "--force", "started"], check=True)
    source_archive.archive(Path("../source.tar.gz"))
    source_archive.unpack(Path("../source.tar.gz"), Path("../unpacked"))
    source_archive.init_repository(Path("../unpacked"), "source", hidden=())
    assert source_archive.names(Path("../unpacked")) == source_archive.names()


def test_the_source_of_this_project_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(Path(__file__).parents[3])
    source_archive.archive(tmp_path / "source.tar.gz")
    with tarball.opened(tmp_path / "source.tar.gz") as archive:
        archive.check_links()
        assert [member.path for member in archive.members] == source_archive.names()
        assert len(archive.members) < tarball.MOST_NAMES / 10
    assert len(gzip.decompress((tmp_path / "source.tar.gz").read_bytes())) < tarball.MOST_BYTES / 50
