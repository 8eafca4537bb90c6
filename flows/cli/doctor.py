"""Is this machine ready? Each check says what it found and, where that is not enough, what to do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

import yaml

from flows.graph import fingerprint
from flows.graph.graph import flat
from flows.graph.placement import cores
from flows.machine.workspace import CONSTRAINTS, PARAMS, Workspace

READS, WRITES = ("h264", "vp9", "aac", "opus", "mjpeg", "png"), ("libx264", "aac")
DISK_BYTES = 5_000_000_000  # the default run with its cache, twice over
MEMORY_BYTES = 6_000_000_000
BFLOAT16, BFLOAT16_FLAGS = "bfloat16", {"avx512_bf16", "amx_bf16", "bf16"}  # x86 and ARM


@dataclass(frozen=True)
class Check:
    """One finding. `remedy` is empty where nothing need be done; `fatal` means that nothing can run."""

    name: str
    found: str
    remedy: str = ""
    fatal: bool = True


def checks(workspace: Workspace) -> Iterator[Check]:
    """Look at everything that a run needs."""
    yield _python()
    yield from _versions(workspace.root / CONSTRAINTS)
    yield _disk(workspace)
    yield _memory()
    yield Check("threads", f"{cores()} cores")
    yield _precision(workspace.root / PARAMS)
    yield _writable(workspace.home)
    yield _repositories(workspace.root)
    yield from _remotes(workspace.root / ".dvc")
    yield _codecs()


def _python() -> Check:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Check("python", found, "" if sys.version_info[:2] == (3, 11) else "use Python 3.11")


def _versions(constraints: Path) -> Iterator[Check]:
    if not constraints.is_file():
        yield Check("versions", f"no {CONSTRAINTS}", "restore it from git", fatal=False)
        return
    found = fingerprint.installed(constraints)
    wanted = {name: version for name, version in fingerprint.pinned(constraints).items() if name in found}
    wrong = [f"{name} {new} instead of {old}" for name, old, new in fingerprint.changed(wanted, found)]
    remedy = f"pip install --constraint {CONSTRAINTS} --editable ." if wrong else ""
    yield Check("versions", "; ".join(wrong) or f"as in {CONSTRAINTS}", remedy, fatal=False)


def _disk(workspace: Workspace) -> Check:
    free = shutil.disk_usage(workspace.root).free
    remedy = f"free {(DISK_BYTES - free) / 1e9:.1f} GB, or clone to a larger disk" if free < DISK_BYTES else ""
    return Check("disk", f"{free / 1e9:.1f} GB free", remedy, fatal=False)


def _memory() -> Check:
    import psutil

    free = psutil.virtual_memory().available
    remedy = "close other programs, or lower `threads` so that fewer stages run at once" if free < MEMORY_BYTES else ""
    return Check("memory", f"{free / 1e9:.1f} GB available", remedy, fatal=False)


def _precision(params: Path) -> Check:
    """Without instructions of its own for them, a processor takes ten times as long over bfloat16 convolutions."""
    text = params.read_text() if params.is_file() else ""
    wanted = sorted({name for name, value in flat(yaml.safe_load(text) or {}).items() if value == BFLOAT16})
    if not wanted or shutil.which("nvidia-smi") or BFLOAT16_FLAGS & set(_processor().split()):
        return Check("precision", f"{BFLOAT16} in {len(wanted)} places" if wanted else "float32 everywhere")
    found = f"{', '.join(wanted)}: {BFLOAT16}, and a processor that has to emulate it"
    return Check("precision", found, "set them to float32 in params.yaml", fatal=False)


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.is_file() else ""


def _writable(folder: Path) -> Check:
    is_writable = os.access(folder, os.W_OK)
    return Check("store", f"{folder} is {'' if is_writable else 'not '}writable", "" if is_writable else "chown it")


def _repositories(root: Path) -> Check:
    missing = [name for name in (".git", ".dvc") if not (root / name).exists()]
    if missing:
        return Check("repository", f"no {' and no '.join(missing)} in {root}", "run in a git clone; then `dvc init`")
    hidden = subprocess.run(["git", "check-ignore", "--quiet", "dvc.lock"], cwd=root, check=False).returncode == 0
    if hidden:
        return Check("repository", "git ignores dvc.lock, so DVC refuses to work", "remove `dvc.lock` from .gitignore")
    return Check("repository", "git and DVC")


def _remotes(folder: Path) -> Iterator[Check]:
    """Whatever they say, the pipeline verifies what it fetches; `dvc pull` by hand does as they say."""
    remotes = ConfigParser(interpolation=None)
    remotes.read([folder / "config", folder / "config.local"])
    for section in remotes.sections():
        name = section.partition("remote ")[2].strip("'\"")
        if name and not remotes.getboolean(section, "verify", fallback=False):
            remedy = f"dvc remote modify {name} verify true"
            yield Check("remote", f"`dvc pull` by hand would believe what `{name}` holds", remedy, fatal=False)


def _codecs() -> Check:
    import av

    missing = [name for name in READS if not _has(lambda name: av.Codec(name, "r"), name)]
    missing += [name for name in WRITES if not _has(lambda name: av.Codec(name, "w"), name)]
    remedy = "install PyAV from its wheel, which brings its own ffmpeg: pip install --force-reinstall av"
    found = f"no {', '.join(missing)}" if missing else ", ".join(dict.fromkeys((*READS, *WRITES)))
    return Check("codecs", found, remedy if missing else "")


def _has(codec: Callable[[str], object], name: str) -> bool:
    try:
        codec(name)
    except ValueError:  # PyAV's UnknownCodecError is one
        return False
    return True
