"""Claim: a training's imports take at most 1.2 times those of torch and its compiler, or 1.8 with transformers.

    python benchmarks/starts.py [rounds]

A new process for each component imports what its stage imports, and asks for determinism as the command line does. The
processes take turns with one that imports torch alone and one that does so with the compiler of torch, which Fabric
imports as well: the floor of a training. Medians of user and system time are printed, and their ratios to both.
"""

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import recording

ROOT = Path(__file__).parents[1]
FLOORS = {"torch": "import torch", "torch and its compiler": "import torch._dynamo"}
TRAINED = ("adapt", "audio_tokenizer", "judge", "language_model", "super_resolution", "visual_tokenizer")
DETERMINISTIC = "; import sys; 'torch' in sys.modules and sys.modules['torch'].set_deterministic_debug_mode('warn')"


def core_s(code: str) -> float:
    """Core-seconds of a new process that runs `code`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rounds: int) -> None:
    """Print a line for each component, the dearest last."""
    components = sorted(path.parent.name for path in ROOT.glob("components/*/stage.py"))
    codes = {one: f"import components.__main__, components.{one}.stage{DETERMINISTIC}" for one in components}
    taken: dict[str, list[float]] = {name: [] for name in FLOORS | codes}
    for turn in range(rounds + 1):  # the first reads all of it from the disk
        for name, code in (FLOORS | codes).items():
            seconds = core_s(code)
            if turn:
                taken[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    for name in sorted(medians, key=lambda one: medians[one]):
        ratios = ", ".join(f"{medians[name] / medians[floor]:.2f} × {floor}" for floor in FLOORS)
        print(f"{name}: {medians[name]:.2f} core-seconds, {ratios}")
    over = {name: medians[name] / medians["torch and its compiler"] for name in TRAINED}
    claim = "imports of a training ÷ torch and its compiler, six trainings, least and most"
    recording.record(claim, [min(over.values()), max(over.values())], "×", "≤ 1.2")
    ratio = medians["text_encoder"] / medians["torch and its compiler"]
    recording.record("imports of the text encoder ÷ torch and its compiler", ratio, "×", "≤ 1.8")


if __name__ == "__main__":
    recording.begin()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
