"""GPUs that are visible to a stage on this machine, queried from NVML through `nvidia-smi`."""

import os
import shutil
import subprocess
from functools import cache

ANSWER_S = 10.0
VISIBLE = "CUDA_VISIBLE_DEVICES"


def shares() -> list[float]:
    """Return the current utilization of each GPU, 0 to 1; an empty list if NVML does not answer."""
    return [float(line) / 100 if line.isdecimal() else 0.0 for line in _query("utilization.gpu")]


def names() -> list[str]:
    """Return the name, memory and driver version of each GPU, as text."""
    lines = [line.split(", ") for line in _query("name,memory.total,driver_version")]
    return [f"{name} ({int(memory) / 1024:.0f} GiB, driver {driver})" for name, memory, driver in lines]


@cache
def count() -> int:
    """Return the number of visible GPUs."""
    return len(shares())


def _query(fields: str) -> list[str]:
    """Return a line of values for each visible GPU."""
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
