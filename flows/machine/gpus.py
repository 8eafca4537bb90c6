"""The GPUs that a stage on this machine can see, as NVML tells of them through `nvidia-smi`."""

import os
import shutil
import subprocess
from functools import cache

ANSWER_S = 10.0
VISIBLE = "CUDA_VISIBLE_DEVICES"


def shares() -> list[float]:
    """Of each GPU, the share of the last moment in which it was at work; none where NVML does not answer."""
    return [float(line) / 100 if line.isdecimal() else 0.0 for line in _asked("utilization.gpu")]


def names() -> list[str]:
    """Name, memory and driver of each, in words."""
    lines = [line.split(", ") for line in _asked("name,memory.total,driver_version")]
    return [f"{name} ({int(memory) / 1024:.0f} GiB, driver {driver})" for name, memory, driver in lines]


@cache
def count() -> int:
    """How many there are."""
    return len(shares())


def _asked(fields: str) -> list[str]:
    """A line of values for each GPU that can be seen."""
    visible = os.environ.get(VISIBLE)
    if visible == "" or not shutil.which("nvidia-smi"):
        return []
    chosen = [f"--id={visible}"] if visible else []
    command = ["nvidia-smi", *chosen, f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=True).stdout
    except (subprocess.SubprocessError, OSError):
        return []
    return [line.strip() for line in answer.splitlines() if line.strip()]
