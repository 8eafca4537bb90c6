"""The present run against the champion: scored alike, compared, and promoted if better.

The champion is scored again, with the candidate's judge, prompts, seeds, parameters and code; its earlier scores are
not used. Its models come from the cache or the remote by the hashes in its record. The decision with its table is kept
in .videopoet/decisions/, and its result in the registry.
"""

import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from components.common import errors, params
from components.common.artifacts import write_json
from flows.dvc.listings import copy_out
from flows.dvc.repository import Repository
from flows.execution.local import environment
from flows.execution.plan import plan
from flows.graph import lockfile
from flows.graph.graph import LockEntry, Stage
from flows.machine import signals
from flows.machine.processes import Processes
from flows.machine.workspace import PARAMS, Workspace
from flows.promotion import gate
from flows.promotion.gate import EvaluationScores, RuleVerdict
from flows.runs import record_page, run_records
from flows.runs.registry import ModelVersion, Registry

MODELS, JUDGE = "models/", "models/judge"  # the champion's models are scored, with the candidate's judge
SCORES = "scores.json"


@dataclass(frozen=True)
class Promotion:
    """Decision about a candidate."""

    candidate: str
    champion: str  # "" if there was none
    verdicts: tuple[RuleVerdict, ...]

    @property
    def passed(self) -> bool:
        """True if every rule passes."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def lines(self) -> list[str]:
        """Candidate, champion and the table."""
        rows = [verdict.text for verdict in self.verdicts] or ["no rule applies: nothing was checked (section `gate`)"]
        return [f"candidate {self.candidate}, champion {self.champion or 'none'}", *rows]


class Promoter:
    """The gate of one checkout. `line` gets progress messages."""

    def __init__(self, workspace: Workspace, line: Callable[[str], None]):
        self.workspace, self.line = workspace, line
        self.repository = Repository(workspace.root)
        self.graph = self.repository.graph()
        self.registry = Registry(workspace.tracking_uri)

    def decide(self) -> Promotion:
        """Compare the present run with the champion; raises ValueError if there is no complete run."""
        rules = gate.of(params.read(Path(PARAMS)))
        entries = self._entries()
        candidate, champion = run_records.identity(self.graph, entries).name, self.registry.at("champion")
        own = EvaluationScores.read(self._scores_of(self.workspace.root))
        if champion is None or champion.run == candidate:
            return Promotion(candidate, "", tuple(gate.verdicts(rules, own, None)))
        self.line(f"scoring the champion {champion.run} with the judge and prompts of {candidate}")
        other = EvaluationScores.read(self._rescore(champion, candidate))
        return Promotion(candidate, champion.run, tuple(gate.verdicts(rules, own, other)))

    def carry_out(self, promotion: Promotion) -> ModelVersion:
        """Keep the decision, register the candidate, and promote it if it passed.

        Raises errors.Retryable if another run has become champion since the decision.
        """
        champion = self.registry.at("champion")
        if champion and champion.run not in (promotion.champion, promotion.candidate):
            raise errors.Retryable(f"{champion.run} has become champion in the meantime: try again")
        text = "promoted" if promotion.passed else "refused"
        decided = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        table = asdict(promotion) | {"decision": text, "decided": decided}
        name = f"{promotion.candidate}-{promotion.champion or 'none'}.json"
        write_json(self.workspace.folder("decisions") / name, table)
        registered = self.registry.register(promotion.candidate, text)
        if promotion.passed:
            self.registry.promote(registered)
        if (record := self.workspace.folder("runs") / promotion.candidate).is_dir():
            record_page.write(self.workspace, record)
        return registered

    def _entries(self) -> dict[str, LockEntry]:
        decisions = plan(self.graph, self.graph.stages, self.repository, self.workspace.folder("code"))
        entries = {made.stage.name: made.entry for made in decisions if made.verdict == "up to date" and made.entry}
        if late := [made.stage.name for made in decisions if made.stage.name not in entries]:
            raise ValueError(f"not up to date: {', '.join(late)}: run `videopoet run`, then promote")
        return entries

    def _scores_of(self, root: Path) -> Path:
        """Return the folder with the scores in a checkout."""
        for stage in reversed(self.graph.stages):
            for out in stage.outs:
                if (root / out / SCORES).is_file():
                    return root / out
        raise ValueError(f"no stage has written {SCORES}: run `videopoet run evaluate` first")

    def _rescore(self, champion: ModelVersion, candidate: str) -> Path:
        """Score the champion's models in a folder that stands in for the checkout."""
        folder = self.workspace.folder("rescored") / f"{champion.run}-{candidate}"
        done = folder / "done"
        if not done.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            stages = self._scoring()
            self._lay_out(folder, stages, champion)
            processes = Processes()
            with signals.caught(lambda _: processes.stop()):
                for stage in stages:
                    self._run(processes, folder, stage, champion)
            done.touch()
        return self._scores_of(folder)

    def _scoring(self) -> list[Stage]:
        """Return the stages between the models and the scores."""
        producers = {name for path, name in self.graph.producer.items() if path.startswith(MODELS)}
        before = {stage.name for stage in self.graph.upstream_of(producers)}
        scores = self.graph.producer[str(self._scores_of(self.workspace.root).relative_to(self.workspace.root))]
        return [stage for stage in self.graph.upstream_of([scores]) if stage.name not in before]

    def _lay_out(self, folder: Path, stages: list[Stage], champion: ModelVersion) -> None:
        """Lay out the inputs of `stages`: the champion's models, and everything else from this checkout."""
        models = lockfile.items(lockfile.read(run_records.find(self.workspace, champion.run) / "dvc.lock"))
        made = {path for stage in stages for path in stage.outs}
        for path in sorted({PARAMS, "components", *(path for stage in stages for path in stage.deps)} - made):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            if not path.startswith(MODELS) or path == JUDGE:
                (folder / path).symlink_to(self.workspace.root / path)
            elif path not in models or not copy_out(self.repository, models[path].md5, folder / path):
                raise ValueError(
                    f"{path} of {champion.run} is neither in the cache nor in the remote: `dvc pull` it, or roll back"
                )

    def _run(self, processes: Processes, folder: Path, stage: Stage, champion: ModelVersion) -> None:
        for command in stage.cmd.splitlines():
            there = f"cd {shlex.quote(str(folder))} && {command}"
            if code := processes.run(there, environment(self.workspace, stage), self.line).code:
                raise ValueError(f"{champion.run} cannot be scored again: {stage.name} ended with {code}")
