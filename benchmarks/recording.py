"""Results of benchmarks: one JSON a script in results/, and RESULTS.md, which is written from them.

A script that is started with `--record MACHINE` (a letter of machines.json) puts what it measured in front of
results/<script>.json and writes RESULTS.md anew; without the option it only prints. `python -m benchmarks` writes the
page from the files as they are. A result passes if each of its values, one a run, meets the target.
"""

import json
import operator
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS, MACHINES, PAGE = FOLDER / "results", FOLDER / "machines.json", FOLDER / "RESULTS.md"
OPTION = "--record"
MEETS = {"≥": operator.ge, "≤": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}
INTRODUCTION = """\
# Results

Written by `make bench-results` from one JSON a benchmark in [results/](results), which hold the command and notes on
each figure. Core-seconds and ratios count; seconds depend on what else the machine does. Where several runs were made
their values stand side by side, and each of them must meet the target.
"""
HEAD = "| claim | value | target | date | machine | pass |\n| --- | --- | --- | --- | --- | --- |"


@dataclass(frozen=True)
class Result:
    """One claim as it was measured once."""

    claim: str
    values: list[float]
    unit: str
    target: str  # such as "≥ 0.9"; "" for a figure that only informs
    date: str
    machine: str
    notes: str = ""

    @property
    def passed(self) -> bool | None:
        """True if every value meets the target; None without one."""
        if not self.target:
            return None
        sign, limit = self.target.split()
        return all(MEETS[sign](value, float(limit)) for value in self.values)


@dataclass(frozen=True)
class Benchmark:
    """Everything that one script found so far, the newest first."""

    command: str
    results: list[Result]

    def newest(self) -> list[Result]:
        """The last result of each claim."""
        first = {result.claim: result for result in reversed(self.results)}
        return [result for result in self.results if first[result.claim] is result]


_machine = ""
_recorded = 0  # figures of this process, which stay in their order


def begin() -> None:
    """Take `--record MACHINE` out of the command line; stops the script if the machine is not in machines.json."""
    global _machine
    if OPTION in sys.argv:
        place = sys.argv.index(OPTION)
        _machine = "".join(sys.argv[place + 1 : place + 2])
        del sys.argv[place : place + 2]
        if _machine not in machines():
            sys.exit(f"{OPTION} {_machine or 'MACHINE'}: give one of {', '.join(machines())}, or describe yours there")


def record(claim: str, values: float | Sequence[float], unit: str = "", target: str = "") -> None:
    """Keep a figure, if the script was asked to; three significant digits stay."""
    if not _machine:
        return
    global _recorded
    several = values if isinstance(values, Sequence) else [values]
    name, today = Path(sys.argv[0]).stem, datetime.now(UTC).date().isoformat()
    known = read(name)
    known.results.insert(
        _recorded, Result(claim, [_rounded(value) for value in several], unit, target, today, _machine)
    )
    _recorded += 1
    write(name, known)
    write_page()


def machines() -> dict[str, str]:
    """Read what each letter stands for."""
    found: dict[str, str] = json.loads(MACHINES.read_text())
    return found


def read(name: str) -> Benchmark:
    """Read what a script found; nothing if it never recorded anything."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        return Benchmark(f"python benchmarks/{name}.py", [])
    found = json.loads(path.read_text())
    return Benchmark(found["command"], [Result(**result) for result in found["results"]])


def write(name: str, benchmark: Benchmark) -> None:
    """Write the file of one script."""
    text = json.dumps(asdict(benchmark), indent=2, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(f"{text}\n")


def write_page() -> None:
    """Write RESULTS.md."""
    PAGE.write_text(page())


def page() -> str:
    """Return RESULTS.md: the newest result of each claim, then those that it replaced."""
    found = {path.stem: read(path.stem) for path in sorted(RESULTS.glob("*.json"))}
    now = [result for benchmark in found.values() for result in benchmark.newest()]
    lines = [INTRODUCTION, *(f"Machine **{name}**: {words}\n" for name, words in machines().items()), "## Now\n"]
    for name, benchmark in found.items():
        lines += [f"### [{name}](results/{name}.json)\n", f"`{benchmark.command}`\n", HEAD]
        lines += [*_rows(benchmark.newest()), ""]
    lines += ["## Before\n", HEAD.replace("| claim", "| benchmark | claim").replace("\n| ---", "\n| --- | ---")]
    before = [
        (result.date, f"| {name} {row}")
        for name, benchmark in found.items()
        for result in benchmark.results
        if result not in now
        for row in _rows([result])
    ]
    lines += [row for _, row in sorted(before, key=lambda one: one[0], reverse=True)]
    return "\n".join(lines) + "\n"


def _rounded(value: float) -> float:
    short = float(f"{value:.3g}") if abs(value) < 1000 else float(round(value))
    return int(short) if short.is_integer() else short


def _rows(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        values = ", ".join(f"{value:,g}" if abs(value) < 1000 else f"{value:,.0f}" for value in result.values)
        unit = f" {result.unit}" if result.unit else ""
        verdict = {True: "yes", False: "**no**", None: "–"}[result.passed]
        target = result.target or "–"
        yield f"| {result.claim} | {values}{unit} | {target} | {result.date} | {result.machine} | {verdict} |"
