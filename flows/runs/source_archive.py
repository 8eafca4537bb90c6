"""The source of a run: an archive of the files that git tracks, and of untracked ones that the graph names.

Everybody who reads the remote reads the source. So an untracked file is in it only if a run is known to need it (see
`needed`), and never if git ignores it. Equal files give equal bytes: names in order, no times, no owners. dvc.lock is
not source but result.
"""

import gzip
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from flows.runs import tarball
from flows.runs.needs import needed

ARCHIVE, DIFFERENCE = "source.tar.gz", "source.diff"
SECRETS = ".dvc/config.local"  # keys of remotes
NOT_SOURCE = {"dvc.lock", SECRETS}
HERE = Path()
MOST_TOLD = 10
PLAIN, EXECUTABLE = 0o644, 0o755
ALONE = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_ATTR_NOSYSTEM": "1"}
SETTINGS = (
    "user.name=videopoet",
    "user.email=videopoet@localhost",
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    f"core.excludesFile={os.devnull}",
    f"core.attributesFile={os.devnull}",
)


def archive(target: Path) -> None:
    """Pack the source of the checkout that is the current folder."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in names():
            tar.dereference = not Path(name).is_symlink()  # so that the second name of a file is no hard link
            tar.add(name, recursive=False, filter=_plain)


def unpack(packed: Path, folder: Path) -> None:
    """Unpack an archive into a folder that is not there yet, whole or not at all.

    Raises Untrusted (a ValueError) before anything is written if a member of it must not be used.
    """
    try:
        with tarball.opened(packed) as archive:
            archive.check_links()
            folder.mkdir(parents=True)
            try:
                _write(archive, folder)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
    except OSError as error:
        raise ValueError(f"{packed} cannot be unpacked: {error}") from error


def read(packed: Path, under: str) -> dict[str, bytes]:
    """Path -> bytes of the files of an archive that lie under a folder; raises Untrusted as `unpack` does."""
    with tarball.opened(packed) as archive:
        wanted = [one for one in archive.members if one.kind == "file" and one.path.startswith(f"{under}/")]
        return {member.path: b"".join(archive.pieces(member)) for member in wanted}


def names(folder: Path = HERE) -> list[str]:
    """Paths of the source of a checkout."""
    return sorted(_listed(folder, "--cached") | {*_untracked(folder)[0]})


def omitted(folder: Path = HERE) -> list[str]:
    """Paths of the files of a checkout that git neither tracks nor ignores, and that are not in its source."""
    return _untracked(folder)[1]


def omission() -> str:
    """What to tell whoever runs the graph about omitted files, "" if there are none."""
    paths = [path if path.isprintable() else repr(path) for path in omitted()]
    more = f" and {len(paths) - MOST_TOLD:,} more" if len(paths) > MOST_TOLD else ""
    told = f"{', '.join(paths[:MOST_TOLD])}{more} (`git add` what a run needs)"
    return f"left out of the record's source, for git does not track them: {told}" if paths else ""


def revision() -> str:
    """The commit that is checked out, "" if there is none."""
    return _git("rev-parse", "HEAD").strip()


def difference() -> str:
    """What `git apply` needs to get from the revision to the present source, new files included."""
    parts = [_git("diff", "--binary", "HEAD", "--", ":/", f":(exclude){SECRETS}")]
    parts += [_git("diff", "--binary", "--no-index", "--", os.devnull, path) for path in _untracked(HERE)[0]]
    return "".join(parts)


def settle(folder: Path, message: str, hidden: Iterable[str]) -> None:
    """Make an unpacked source a git repository of its own, with one commit; git looks away from what is `hidden` later.

    No program runs that the source names: git reads no configuration but the one that it has just made, and an
    attribute or a submodule in the source can only name a filter or a command that a configuration defines.
    Raises ValueError if the source brings a repository, or if git cannot do what an attribute asks for.
    """
    if os.path.lexists(folder / ".git"):
        raise ValueError(f"the source in {folder} holds a repository of its own")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | ALONE
    git = ["git", *(word for setting in SETTINGS for word in ("-c", setting))]
    commit = ["commit", "--quiet", "--message", message]
    try:
        _run([*git, "init", "--quiet", "--template="], folder, environment)
        (folder / ".git/info").mkdir(exist_ok=True)
        (folder / ".git/info/exclude").write_text("".join(f"{pattern}\n" for pattern in hidden))
        for command in (["add", "--all", "--force"], commit):
            _run([*git, *command], folder, environment)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip()
        raise ValueError(f"the source in {folder} cannot be committed: {said}") from error


def follow(folder: Path, laid: Iterable[str]) -> None:
    """Make a folder a git repository of its own, at the commit that is checked out here; its files stay as they are.

    It tracks what was `laid` there too, so that this is source there even where it is not committed here.
    """
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    if revision():
        for command in (["fetch", "--quiet", "--no-tags", str(HERE.absolute()), "HEAD"], ["reset", "-q", "FETCH_HEAD"]):
            subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    command = ["git", "update-index", "--add", "--replace", "-z", "--stdin"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, input="\0".join(laid), text=True)


def _untracked(folder: Path) -> tuple[list[str], list[str]]:
    """Files that git neither tracks nor ignores: those that are source, and those that are not."""
    found = _listed(folder, "--others", "--exclude-standard")
    source = {path for path in found if not (folder / path).is_symlink()} & needed(folder, found) if found else set()
    return sorted(source), sorted(found - source)


def _listed(folder: Path, *options: str) -> set[str]:
    """The files that git lists and that are there, none of them behind a symbolic link that took a folder's place."""
    found = {name for name in _git("ls-files", "-z", *options, at=folder).split("\0") if name} - NOT_SOURCE
    parents = {name: [*PurePosixPath(name).parents][:-1] for name in found}
    linked = {parent for among in parents.values() for parent in among if (folder / parent).is_symlink()}
    there = {name for name in found if (folder / name).is_file() or (folder / name).is_symlink()}
    return {name for name in there if linked.isdisjoint(parents[name])}


def _write(archive: tarball.Tarball, folder: Path) -> None:
    """Write the members into an empty folder; links come last, so that nothing is written through one."""
    paths = [PurePosixPath(member.path) for member in archive.members]
    folders = {parent for path in paths for parent in path.parents}
    folders |= {path for path, member in zip(paths, archive.members, strict=True) if member.kind == "folder"}
    for path in sorted(folders - {PurePosixPath()}):
        (folder / path).mkdir(0o755)
    for member in sorted(archive.members, key=lambda member: member.kind == "link"):
        match member.kind:
            case "file":
                mode = EXECUTABLE if member.is_executable else PLAIN
                descriptor = os.open(folder / member.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
                with os.fdopen(descriptor, "wb") as file:
                    file.writelines(archive.pieces(member))
            case "link":
                (folder / member.path).symlink_to(member.target)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.mtime, member.uname, member.gname = 0, "", ""
    member.mode = EXECUTABLE if member.mode & 0o100 else PLAIN
    return member


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True, errors="replace")


def _git(*arguments: str, at: Path = HERE) -> str:
    done = subprocess.run(["git", *arguments], cwd=at, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout if done.returncode in (0, 1) else ""
