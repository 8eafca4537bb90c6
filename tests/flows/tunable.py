"""A small real repository with a graph that fine-tunes derive theirs from: what is learned decides what is scored.

A model is a number, the share of samples that it is right on. A fine-tune adds the number of its settings' seed, in
hundredths, to its base's. Sources are files of one letter; x and y are not worth keeping, w has no caption.
"""

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from components.corpus.data import Source
from components.corpus.data import write as write_sources
from flows.dvc.repository import Repository
from flows.graph import profiles
from flows.machine.workspace import Workspace
from flows.promotion.promoter import Promoter
from flows.runs import run_records
from flows.runs.uploader import share
from tests.flows.conftest import PROJECT, Checkout

MOTION = "text_to_video/motion"
INGEST = """
  ingest:
    cmd: python components/work.py ingest --params ingest --sources data/sources.parquet --output data/clips
    deps: [codelock/work.json, data/sources.parquet]
    params: [ingest]
    outs: [data/clips]
"""
SCORING = """
  generate:
    cmd: python components/work.py generate --params generate --net models/net --output data/samples
    deps: [codelock/work.json, models/net]
    params: [generate]
    outs: [data/samples]
  evaluate:
    cmd: >-
      python components/work.py evaluate --params evaluate
      --samples data/samples --judge models/judge --filtered data/filtered --output metrics
    deps: [codelock/work.json, data/samples, models/judge, data/filtered]
    params: [evaluate]
    outs: [metrics]
"""
GRAPH = f"""
stages:
{INGEST}
  filter:
    cmd: python components/work.py filter --params filter --clips data/clips --output data/filtered
    deps: [codelock/work.json, data/clips]
    params: [filter]
    outs: [data/filtered]
  adapt:
    matrix:
      set: [t2i_t2v]
    cmd: python components/work.py adapt --params adapt.${{item.set}} --filtered data/filtered --output models/net
    deps: [codelock/work.json, data/filtered]
    params: ["adapt.${{item.set}}"]
    outs: [models/net]
  judge:
    cmd: python components/work.py judge --params judge --filtered data/filtered --output models/judge
    deps: [codelock/work.json, data/filtered]
    params: [judge]
    outs: [models/judge]
{SCORING}"""
WORK = """
import csv, json, pathlib, sys, yaml
name, _, section, *words = sys.argv[1:]
*inputs, output = words[1::2]
name = "finetune" if section == "finetune.training" else name
with open("started", "a") as file:
    print(name, file=file)
given = yaml.safe_load(pathlib.Path("params.yaml").read_text())
for part in section.split("."):
    given = given[part]
section = given
if name == "ingest":
    import pyarrow.parquet
    value = sorted(pyarrow.parquet.read_table(inputs[0])["sha256"].to_pylist())
else:
    given = [json.loads((pathlib.Path(path) / "value.json").read_text()) for path in inputs]
kept = captioned = 0
match name:
    case "filter":
        known = given[1] if len(given) > 1 else []
        new = [one for one in given[0] if one not in known and one not in section["worthless"]]
        value, kept = [*known, *new], len(new)
        captioned = len([one for one in new if one not in section["wordless"]])
    case "adapt":
        value = section["value"]
    case "judge":
        value = [section["strictness"], len(given[0])]
    case "finetune":
        value = given[1] + section["seed"] / 100
    case "generate":
        value = given[0]
    case "evaluate":
        value = 0
folder = pathlib.Path(output)
folder.mkdir(parents=True)
(folder / "value.json").write_text(json.dumps(value))
manifest = {"schema_version": 1, "kind": name, "inputs": {}, "dropped": {}, "facts": {}}
manifest["counts"] = {"kept": kept, "captioned": captioned}
(folder / "manifest.json").write_text(json.dumps(manifest | {"files": {}}))
if name == "evaluate":
    hits = [int(number < 100 * given[0] * given[1][0]) for number in range(100)]
    rows = [(f"t2v-{number}", "text_to_video", "motion", hit) for number, hit in enumerate(hits)]
    with (folder / "measures.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("sample_id", "task", "measure", "value"), *rows])
    score = {"task": "text_to_video", "name": "motion", "value": sum(hits) / 100, "better": "higher"}
    (folder / "scores.json").write_text(json.dumps([score]))
"""


def sha256(letter: str) -> str:
    return hashlib.sha256(letter.encode()).hexdigest()


@dataclass(frozen=True)
class Tunable(Checkout):
    """A checkout of it."""

    def sources(self, letters: str) -> None:
        """Let these be the user's sources."""
        (self.root / "data").mkdir(exist_ok=True)
        write_sources(
            self.root / "data/sources.parquet", [Source("mine", f"{one}.mp4", 1, sha256(one)) for one in letters]
        )

    def settle(self, *, gain: int = 30, least: int = 2) -> None:
        """Write params.yaml: what a fine-tune gains, in hundredths, and how many new clips it wants at least."""
        training = profiles.read("test", PROJECT / "profiles")["finetune"]["training"]
        params: dict[str, Any] = {
            "ingest": {"value": 1},
            "filter": {"worthless": [sha256("x"), sha256("y")], "wordless": [sha256("w")]},
            "adapt": {"t2i_t2v": {"value": 0.4}},
            "judge": {"strictness": 1.0},
            "generate": {"value": 0},
            "evaluate": {"value": 0},
            "gate": {"better": [MOTION], "not_worse": [], "floors": {MOTION: 0.1}},
            "finetune": {"min_new_sources": 2, "min_new_clips": least, "training": training | {"seed": gain}},
        }
        (self.root / "params.yaml").write_text(yaml.safe_dump(params))

    def crown(self) -> str:
        """Run the whole graph and make it the champion; the run's name."""
        outcomes = self.bring()
        repository = Repository(self.root)
        entries = {name: outcome.entry for name, outcome in outcomes.items()}
        folder = run_records.write(Workspace(self.root), repository, repository.graph(), entries)
        share(repository, entries.keys(), folder, print)
        promoter = Promoter(Workspace(self.root), lambda _: None)
        promoter.carry_out(promoter.decide())
        self.started()
        return folder.name

    @property
    def there(self) -> "Tunable":
        """Where its fine-tunes work."""
        return Tunable(self.root / ".videopoet/finetune")

    def record(self, name: str) -> dict[str, Any]:  # type: ignore[override]  # of a run that is there
        found: dict[str, Any] = json.loads((self.root / ".videopoet/runs" / name / "record.json").read_text())
        return found


def lay(root: Path) -> Tunable:
    """Write the repository into an empty folder; nothing has run. The current folder must be `root`."""
    for folder in ("components", "codelock"):
        (root / folder).mkdir(parents=True)
    (root / "dvc.yaml").write_text(GRAPH)
    (root / "components/work.py").write_text(WORK)
    (root / "codelock/work.json").write_text(json.dumps({"components.work": "aaaa"}) + "\n")
    ours = ["/data/*", "!/data/sources.parquet", "!/data/known_sources.parquet"]
    ours += ["/base/", "/models/", "/metrics/", "/started", ".videopoet/"]
    (root / ".gitignore").write_text("\n".join(ours) + "\n")
    found = Tunable(root)
    found.sources("abc")
    found.settle()
    return found


def commit() -> None:
    """Commit all that git sees in the current folder."""
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["add", "-A"], [*identity, "commit", "-qm", "start"]):
        subprocess.run(["git", *command], check=True)
