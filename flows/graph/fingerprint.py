"""The platform fingerprint of a stage, and the installed library versions.

Within one fingerprint (`CLASS`), equal work must give equal bytes. Versions are recorded beside it.
"""

import platform
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

CLASS = ("processor", "device", "threads", "world_size", "torch")


def current(threads: int, world_size: int = 1) -> dict[str, Any]:
    """Return the fingerprint of a stage that runs on this machine."""
    return {
        "processor": processor(),
        "device": device(),
        "threads": threads,
        "world_size": world_size,
        "torch": version("torch") or "",
    }


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """List how two fingerprints differ, as text; keys that one of them lacks are skipped."""
    both = [key for key in CLASS if key in one and key in other]
    return [f"{key} {one[key]} → {other[key]}" for key in both if one[key] != other[key]]


def pinned(constraints: Path) -> dict[str, str]:
    """Map package -> pinned version of a constraints file."""
    lines = constraints.read_text().splitlines() if constraints.is_file() else []
    pins = [line.split("#")[0].strip().partition("==") for line in lines]
    return {name: wanted for name, _, wanted in pins if wanted}


def installed(constraints: Path) -> dict[str, str]:
    """Map package -> installed version, for every package of a constraints file."""
    return {name: found for name in sorted(pinned(constraints)) if (found := version(name))}


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """List (package, old version, new version) of the differences; "" means absent.

    A local build suffix (+cpu, +cu130) does not count as a difference.
    """
    versions = [(name, before.get(name, ""), now.get(name, "")) for name in sorted({*before, *now})]
    return [(name, old, new) for name, old, new in versions if old.partition("+")[0] != new.partition("+")[0]]


@cache
def processor() -> str:
    """Return the processor model."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


@cache
def device() -> str:
    """Return the model of the first GPU, or `cpu`."""
    if not shutil.which("nvidia-smi"):
        return "cpu"
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    names = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return names[0].strip() if names else "cpu"


def version(package: str) -> str | None:
    """Return the installed version of a package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
