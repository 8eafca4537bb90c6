"""The source of a run: an archive of all files that git tracks or would track, as they are.

Equal files give equal bytes: names in order, no times, no owners. dvc.lock is not source but result.
"""

import gzip
import os
import subprocess
import tarfile
from collections.abc import Container, Iterable
from pathlib import Path, PurePosixPath

ARCHIVE, DIFFERENCE = "source.tar.gz", "source.diff"
NOT_SOURCE = {"dvc.lock"}
HERE = Path()


def archive(target: Path) -> None:
    """Pack the source of the checkout that is the current folder."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in names():
            tar.add(name, recursive=False, filter=_plain)


def unpack(packed: Path, folder: Path) -> None:
    """Unpack an archive into a folder. Raises ValueError if it is broken, or leads outside of the folder."""
    try:
        with tarfile.open(packed) as tar:
            members = tar.getmembers()
            links = {PurePosixPath(member.name) for member in members if member.issym()}
            if wrong := next((member.name for member in members if not _is_harmless(member, links)), ""):
                raise ValueError(f"{packed} cannot be unpacked: {wrong} is no file within its folder")
            tar.extractall(folder, members)  # its own filters came with Python 3.11.4
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ValueError(f"{packed} cannot be unpacked: {error}") from error
    for link in sorted(links):
        if not (folder / link).resolve().is_relative_to(folder.resolve()):
            (folder / link).unlink()
            raise ValueError(f"{packed} cannot be unpacked: the link {link} leads out of the folder")


def read(packed: Path, under: str) -> dict[str, bytes]:
    """Path -> bytes of the files of an archive that lie under a folder."""
    with tarfile.open(packed) as tar:
        members = [member for member in tar if member.isfile() and member.name.startswith(f"{under}/")]
        return {member.name: file.read() for member in members if (file := tar.extractfile(member))}


def names(folder: Path = HERE) -> list[str]:
    """Paths of the source of a checkout."""
    found = {*_git("ls-files", "-z", "--cached", "--others", "--exclude-standard", at=folder).split("\0")}
    return sorted(
        name for name in found - NOT_SOURCE if name and ((folder / name).is_file() or (folder / name).is_symlink())
    )


def revision() -> str:
    """The commit that is checked out, "" if there is none."""
    return _git("rev-parse", "HEAD").strip()


def difference() -> str:
    """What `git apply` needs to get from the revision to the present source, new files included."""
    parts = [_git("diff", "--binary", "HEAD")]
    for path in _git("ls-files", "--others", "--exclude-standard").splitlines():
        if path not in NOT_SOURCE:
            parts.append(_git("diff", "--binary", "--no-index", "--", os.devnull, path))
    return "".join(parts)


def settle(folder: Path, message: str, hidden: Iterable[str]) -> None:
    """Make an unpacked source a git repository of its own, with one commit; git looks away from what is `hidden`."""
    nobody = ["-c", "user.name=videopoet", "-c", "user.email=videopoet@localhost", "-c", "core.hooksPath=/dev/null"]
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/exclude").write_text("".join(f"{pattern}\n" for pattern in hidden))
    for command in (["add", "--all"], [*nobody, "commit", "--quiet", "--message", message]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


def follow(folder: Path) -> None:
    """Make a folder a git repository of its own, at the commit that is checked out here; its files stay as they are."""
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    if revision():
        for command in (["fetch", "--quiet", "--no-tags", str(HERE.absolute()), "HEAD"], ["reset", "-q", "FETCH_HEAD"]):
            subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


def _is_harmless(member: tarfile.TarInfo, links: Container[PurePosixPath]) -> bool:
    """Whether unpacking writes a file, a folder or a link at its name, and nowhere else."""
    path = PurePosixPath(member.name)
    leads_out = path.is_absolute() or ".." in path.parts or any(parent in links for parent in path.parents)
    return not leads_out and (member.isfile() or member.isdir() or member.issym())


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.mtime, member.uname, member.gname = 0, "", ""
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    return member


def _git(*arguments: str, at: Path = HERE) -> str:
    done = subprocess.run(["git", *arguments], cwd=at, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout if done.returncode in (0, 1) else ""
