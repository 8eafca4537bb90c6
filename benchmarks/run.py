"""What a whole run took, read from its record: nothing is run here.

    python benchmarks/run.py PROFILE [RUN, latest]

Wall time is from the start of the first stage to the end of the last one, so without setting up and Prefect's start;
a run that went on after a stop counts the pause. Core-seconds are the sum of the stages'.
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import recording

from flows.machine.workspace import Workspace
from flows.runs import run_records

MOST_S = 1200  # of profile `tiny` on two cores


def main(profile: str, name: str) -> None:
    """Print wall time, core-seconds and the largest stage's memory."""
    took = run_records.read(run_records.find(Workspace(Path.cwd()), name))["took"].values()
    ends = [datetime.fromisoformat(one["ended"]) for one in took]
    starts = [end - timedelta(seconds=one["seconds"]) for end, one in zip(ends, took, strict=True)]
    wall_s = (max(ends) - min(starts)).total_seconds()
    cores_s, peak_gb = sum(one["cpu_s"] for one in took), max(one["peak_bytes"] for one in took) / 1e9
    print(f"{profile}: {wall_s:.0f} s wall, {cores_s:.0f} core-seconds, largest stage {peak_gb:.2f} GB")
    target = f"≤ {MOST_S}" if profile == "tiny" else ""
    recording.record(f"profile {profile}, wall time without setting up", wall_s, "s", target)
    recording.record(f"profile {profile}, core-seconds", cores_s, "core-seconds")
    recording.record(f"profile {profile}, memory of the largest stage", peak_gb, "GB")


if __name__ == "__main__":
    recording.begin()
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "latest")
