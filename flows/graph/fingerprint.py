"""The class of machine within which equal work gives equal bytes, and the library versions beside it."""

import platform
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

CLASS = ("processor", "device", "threads", "world_size", "torch")


def here(threads: int, world_size: int = 1) -> dict[str, Any]:
    """The class of a stage that runs on this machine."""
    return {
        "processor": processor(),
        "device": device(),
        "threads": threads,
        "world_size": world_size,
        "torch": version("torch") or "",
    }


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What makes two classes different, in words; what one of them does not tell is no difference."""
    both = [key for key in CLASS if key in one and key in other]
    return [f"{key} {one[key]} → {other[key]}" for key in both if one[key] != other[key]]


def pinned(constraints: Path) -> dict[str, str]:
    """Package -> version that a constraints file asks for."""
    lines = constraints.read_text().splitlines() if constraints.is_file() else []
    pins = [line.split("#")[0].strip().partition("==") for line in lines]
    return {name: wanted for name, _, wanted in pins if wanted}


def installed(constraints: Path) -> dict[str, str]:
    """Package -> version installed, of all that a constraints file names."""
    return {name: found for name in sorted(pinned(constraints)) if (found := version(name))}


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Package, old and new version, "" for none; a build's suffix (+cpu, +cu130) is the same version."""
    versions = [(name, before.get(name, ""), now.get(name, "")) for name in sorted({*before, *now})]
    return [(name, old, new) for name, old, new in versions if old.partition("+")[0] != new.partition("+")[0]]


@cache
def processor() -> str:
    """The processor's model."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


@cache
def device() -> str:
    """The model of the first GPU, `cpu` if there is none."""
    if not shutil.which("nvidia-smi"):
        return "cpu"
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    names = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return names[0].strip() if names else "cpu"


def version(package: str) -> str | None:
    """The installed version of a package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
