"""The source of a run: an archive of the files that git tracks, and of untracked files that the graph names.

Everyone who can read the remote can read the source. So it contains an untracked file only if a run needs it (see
`needed`), and never one that git ignores. Equal files give equal bytes: sorted names, no times, no owners. dvc.lock is
a result, not source.
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
SECRETS = ".dvc/config.local"  # credentials of remotes
NOT_SOURCE = {"dvc.lock", SECRETS}
HERE = Path()
MOST_SHOWN = 10
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
    """Pack the source of the checkout in the current folder."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in names():
            tar.dereference = not Path(
                name
            ).is_symlink()  # so that a second name of a file is not stored as a hard link
            tar.add(name, recursive=False, filter=_plain)


def unpack(packed: Path, folder: Path) -> None:
    """Unpack an archive atomically into a new folder.

    Raises Untrusted (a ValueError) before anything is written if a member must not be used.
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
    """Return path -> bytes of the archived files below a folder; raises Untrusted as `unpack` does."""
    with tarball.opened(packed) as archive:
        wanted = [one for one in archive.members if one.kind == "file" and one.path.startswith(f"{under}/")]
        return {member.path: b"".join(archive.pieces(member)) for member in wanted}


def names(folder: Path = HERE) -> list[str]:
    """Return the paths of the source of a checkout."""
    return sorted(_listed(folder, "--cached") | {*_untracked(folder)[0]})


def omitted(folder: Path = HERE) -> list[str]:
    """Return the paths that git neither tracks nor ignores, and that are not source."""
    return _untracked(folder)[1]


def omission() -> str:
    """Return a warning about omitted files, "" if there are none."""
    paths = [path if path.isprintable() else repr(path) for path in omitted()]
    more = f" and {len(paths) - MOST_SHOWN:,} more" if len(paths) > MOST_SHOWN else ""
    shown = f"{', '.join(paths[:MOST_SHOWN])}{more} (`git add` the files that a run needs)"
    return f"not in the record's source, because git does not track them: {shown}" if paths else ""


def revision() -> str:
    """Return the commit that is checked out, "" if there is none."""
    return _git("rev-parse", "HEAD").strip()


def difference() -> str:
    """Return a patch from the revision to the present source, new files included."""
    parts = [_git("diff", "--binary", "HEAD", "--", ":/", f":(exclude){SECRETS}")]
    parts += [_git("diff", "--binary", "--no-index", "--", os.devnull, path) for path in _untracked(HERE)[0]]
    return "".join(parts)


def init_repository(folder: Path, message: str, hidden: Iterable[str]) -> None:
    """Make an unpacked source a git repository with one commit; git ignores `hidden` patterns later.

    No program that the source names is run: git reads only the configuration created here, and an attribute or a
    submodule can only name a filter or a command that a configuration defines. Raises ValueError if the source contains
    a repository, or if git cannot do what an attribute requests.
    """
    if os.path.lexists(folder / ".git"):
        raise ValueError(f"the source in {folder} contains a git repository")
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


def track_head(folder: Path, laid: Iterable[str]) -> None:
    """Make a folder a git repository at the commit that is checked out here, without changing its files.

    It also tracks the files `laid`, so that they are source there even if they are not committed here.
    """
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    if revision():
        for command in (["fetch", "--quiet", "--no-tags", str(HERE.absolute()), "HEAD"], ["reset", "-q", "FETCH_HEAD"]):
            subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    command = ["git", "update-index", "--add", "--replace", "-z", "--stdin"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, input="\0".join(laid), text=True)


def _untracked(folder: Path) -> tuple[list[str], list[str]]:
    """Return the files that git neither tracks nor ignores: those that are source, and the others."""
    found = _listed(folder, "--others", "--exclude-standard")
    source = {path for path in found if not (folder / path).is_symlink()} & needed(folder, found) if found else set()
    return sorted(source), sorted(found - source)


def _listed(folder: Path, *options: str) -> set[str]:
    """Return the existing files that git lists, except behind a symbolic link that replaced a folder."""
    found = {name for name in _git("ls-files", "-z", *options, at=folder).split("\0") if name} - NOT_SOURCE
    parents = {name: [*PurePosixPath(name).parents][:-1] for name in found}
    linked = {parent for among in parents.values() for parent in among if (folder / parent).is_symlink()}
    there = {name for name in found if (folder / name).is_file() or (folder / name).is_symlink()}
    return {name for name in there if linked.isdisjoint(parents[name])}


def _write(archive: tarball.Tarball, folder: Path) -> None:
    """Write the members into an empty folder, links last, so that nothing is written through a link."""
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
