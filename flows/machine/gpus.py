"""The GPUs that a stage on this machine can see, as NVML tells of them through `nvidia-smi`."""

import os
import shutil
import subprocess
from functools import cache

ANSWER_S = 10.0
VISIBLE = "CUDA_VISIBLE_DEVICES"


def shares() -> list[float]:
    """Of each GPU, the share of the last moment in which it was at work; none where NVML does not answer."""
    visible = os.environ.get(VISIBLE)
    if visible == "" or not shutil.which("nvidia-smi"):
        return []
    chosen = [f"--id={visible}"] if visible else []
    command = ["nvidia-smi", *chosen, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=True).stdout
    except (subprocess.SubprocessError, OSError):
        return []
    return [float(line) / 100 if line.strip().isdecimal() else 0.0 for line in answer.splitlines() if line.strip()]


@cache
def count() -> int:
    """How many there are."""
    return len(shares())
