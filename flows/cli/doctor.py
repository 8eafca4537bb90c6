"""Checks of this machine: each reports a finding and, if it is not sufficient, a remedy."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

import yaml

from components.common import errors
from flows.graph import fingerprint
from flows.graph.graph import flat
from flows.graph.placement import cores
from flows.machine import gpus
from flows.machine.workspace import CONSTRAINTS, PARAMS, Workspace

PYTHONS = ((3, 11), (3, 12))
READS, WRITES = ("h264", "vp9", "aac", "opus", "mjpeg", "png"), ("libx264", "aac")
DISK_BYTES = 5_000_000_000  # twice the default run with its cache
MEMORY_BYTES = 6_000_000_000
PREFECT_PORT = 4200
ANSWER_S, REMOTE_S = 5.0, 20.0
NO_OBJECT = "0" * 32
BFLOAT16, BFLOAT16_FLAGS = "bfloat16", {"avx512_bf16", "amx_bf16", "bf16"}  # x86 and ARM


@dataclass(frozen=True)
class Check:
    """One finding. `remedy` is empty if nothing needs to be done; `fatal` means that nothing can run."""

    name: str
    found: str
    remedy: str = ""
    fatal: bool = True


def checks(workspace: Workspace) -> Iterator[Check]:
    """Run all checks."""
    yield _python()
    yield from _versions(workspace.root / CONSTRAINTS)
    yield _disk(workspace)
    yield _memory()
    yield Check("threads", f"{cores()} cores")
    yield _precision(workspace.root / PARAMS)
    yield _gpus()
    yield _writable(workspace.home)
    yield (repositories := _repositories(workspace.root))
    yield from _unverified(workspace.root / ".dvc")
    yield _codecs()
    yield _port()
    if not repositories.remedy:
        yield from _remote(workspace.root)
    yield from _cluster()


def _python() -> Check:
    found = ".".join(str(part) for part in sys.version_info[:3])
    return Check("python", found, "" if sys.version_info[:2] in PYTHONS else "use Python 3.11 or 3.12")


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
    """Check the precision: without bfloat16 instructions, convolutions in it take ten times as long on a CPU."""
    text = params.read_text() if params.is_file() else ""
    wanted = sorted({name for name, value in flat(yaml.safe_load(text) or {}).items() if value == BFLOAT16})
    if not wanted or shutil.which("nvidia-smi") or BFLOAT16_FLAGS & set(_processor().split()):
        return Check("precision", f"{BFLOAT16} in {len(wanted)} settings" if wanted else "float32 everywhere")
    found = f"{', '.join(wanted)}: {BFLOAT16}, which this processor emulates"
    return Check("precision", found, "set them to float32 in params.yaml", fatal=False)


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.is_file() else ""


def _gpus() -> Check:
    names, build = gpus.names(), fingerprint.version("torch") or ""
    if not names:
        return Check("gpu", "none: stages use the CPU")
    if build.endswith("+cpu"):
        remedy = f"install the CUDA build of torch {build.removesuffix('+cpu')}"
        return Check("gpu", f"{', '.join(names)}, but torch {build} cannot use it", remedy, fatal=False)
    return Check("gpu", ", ".join(names))


def _writable(folder: Path) -> Check:
    is_writable = os.access(folder, os.W_OK)
    return Check(
        "store", f"{folder} is {'' if is_writable else 'not '}writable", "" if is_writable else "fix it with chown"
    )


def _repositories(root: Path) -> Check:
    missing = [name for name in (".git", ".dvc") if not (root / name).exists()]
    if missing:
        return Check("repository", f"no {' and no '.join(missing)} in {root}", "use a git clone; then `dvc init`")
    hidden = subprocess.run(["git", "check-ignore", "--quiet", "dvc.lock"], cwd=root, check=False).returncode == 0
    if hidden:
        return Check("repository", "git ignores dvc.lock, so DVC refuses to work", "remove `dvc.lock` from .gitignore")
    return Check("repository", "git and DVC")


def _unverified(folder: Path) -> Iterator[Check]:
    """Check that remotes have `verify`: the pipeline verifies all downloads, but `dvc pull` by hand does not."""
    remotes = ConfigParser(interpolation=None)
    remotes.read([folder / "config", folder / "config.local"])
    for section in remotes.sections():
        name = section.partition("remote ")[2].strip("'\"")
        if name and not remotes.getboolean(section, "verify", fallback=False):
            remedy = f"dvc remote modify {name} verify true"
            yield Check("verify", f"`dvc pull` by hand would not verify downloads from `{name}`", remedy, fatal=False)


def _codecs() -> Check:
    import av

    missing = [name for name in READS if not _has(lambda name: av.Codec(name, "r"), name)]
    missing += [name for name in WRITES if not _has(lambda name: av.Codec(name, "w"), name)]
    remedy = "install PyAV's wheel, which includes ffmpeg: pip install --force-reinstall av"
    found = f"no {', '.join(missing)}" if missing else ", ".join(dict.fromkeys((*READS, *WRITES)))
    return Check("codecs", found, remedy if missing else "")


def _port() -> Check:
    """Check the port of `videopoet serve`."""
    port = int(os.environ.get("PREFECT_SERVER_API_PORT", PREFECT_PORT))
    with socket.socket() as found:
        found.settimeout(ANSWER_S)
        is_taken = found.connect_ex(("127.0.0.1", port)) == 0
    words = f"{port} is taken, perhaps by a `videopoet serve`" if is_taken else f"{port} is free for `videopoet serve`"
    remedy = "to serve two checkouts, set PREFECT_SERVER_API_PORT for the second" if is_taken else ""
    return Check("port", words, remedy, fatal=False)


def _remote(root: Path) -> Iterator[Check]:
    """Check that the default remote answers, by a look-up of an object that does not exist."""
    from flows.dvc.repository import Repository

    def ask() -> Check | None:
        try:
            remote = Repository(root).remote
            if remote is None:
                return None
            remote.holds([NO_OBJECT])
        except (ValueError, errors.Retryable) as error:
            return Check("remote", str(error), "fix it with `dvc remote modify`, or provide credentials", fatal=False)
        return Check("remote", f"{remote.place} answers")

    answers: list[Check | None] = []
    thread = threading.Thread(
        target=lambda: answers.append(ask()), daemon=True
    )  # an unreachable store may block for minutes
    thread.start()
    thread.join(REMOTE_S)
    late = Check(
        "remote", f"no answer within {REMOTE_S:.0f} s", "check the network and the remote's address", fatal=False
    )
    if found := answers[0] if answers else late:
        yield found


def _cluster() -> Iterator[Check]:
    """Check the cluster that the kubeconfig names, if there is one."""
    if not Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube/config").is_file():
        return
    from flows.kubernetes import client  # late: takes a second

    try:
        yield Check("cluster", f"Kubernetes {client.version(ANSWER_S)}")
    except ValueError as error:
        remedy = "see `kubectl cluster-info`; without a cluster, unset KUBECONFIG"
        yield Check("cluster", str(error), remedy, fatal=False)


def _has(codec: Callable[[str], object], name: str) -> bool:
    try:
        codec(name)
    except ValueError:  # PyAV's UnknownCodecError is one
        return False
    return True
