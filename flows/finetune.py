"""The flow `finetune`: trains the champion further on new sources and lets the gate decide.

It works in a separate checkout (`finetuning.layout`), where all artifacts of the champion are pinned by hash before
anything runs. With too few new sources it ends as skipped: nothing is recorded, and the next run checks again. The
final state of the flow run is named after its outcome: Skipped, Candidate, Promoted or Refused, all of type Completed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from components.common import artifacts, errors, params
from flows.deployments import flow_states
from flows.dvc.listings import listing
from flows.dvc.repository import Repository
from flows.execution import validation
from flows.execution.coordinator import exclusive_run
from flows.execution.executor import ExecutorName
from flows.finetuning import layout, settings
from flows.finetuning.base import Base
from flows.machine.processes import Busy, Interrupted
from flows.machine.workspace import PARAMS, Workspace
from flows.promotion.promoter import Promoter
from flows.retrain import THREADS, failed, walk
from flows.runs import source_archive
from flows.runs.registry import Registry

FILTER = "filter"  # the stage that selects the new clips to train on
FinetuneOutcome = Literal["skipped", "candidate", "promoted", "refused"]
NAMES = {
    "skipped": flow_states.SKIPPED,
    "candidate": "Candidate",
    "promoted": flow_states.PROMOTED,
    "refused": flow_states.REFUSED,
}
GateOutcome = tuple[FinetuneOutcome, str, tuple[str, ...]]  # outcome, message, and the gate's table


@dataclass(frozen=True)
class FinetuneResult:
    """Result of a fine-tune; `run` is empty if it was skipped."""

    became: FinetuneOutcome
    text: str
    base: str
    new_sources: int
    new_clips: int = 0
    run: str = ""
    verdicts: tuple[str, ...] = ()


@flow(name="finetune", persist_result=False, task_runner=THREADS)
def finetune(promote: bool = True, where: ExecutorName = "here") -> State[Any]:
    """Train the champion further on new sources, if there are enough; then promote it if it is better.

    Raises ValueError if there is no champion.

    Args:
        promote: Let the gate decide, and promote the model if it is better; otherwise it stays a candidate.
        where: Executor of the stages; with `kubernetes` each is a Job.
    """
    workspace = Workspace.find()
    try:
        with layout.turn(workspace):
            return _finetune(workspace, promote=promote, where=where)
    except Busy as busy:
        return flow_states.skipped(str(busy), busy)


def _finetune(workspace: Workspace, *, promote: bool, where: ExecutorName) -> State[Any]:
    base, chosen = Base.champion(workspace), settings.of(params.read(Path(PARAMS)))
    new = layout.new_sources(base)
    if too_few := reason_to_skip("new files", len(new), chosen.min_new_sources, base):
        return _ended(FinetuneResult("skipped", too_few, base.name, len(new)))
    there = layout.lay_out(workspace, base, new)
    if omission := source_archive.omission():
        get_run_logger().warning(omission)
    with _inside(there), exclusive_run(there, get_run_logger().warning):
        validation.check(Repository(there.root), settings.READ_BY_FLOWS)
        looked = walk(there, (FILTER,), where=where, keep_record=False)
        if not looked.may_go_on:
            return failed(looked)
        clips = clips_kept(Repository(there.root), captioned=chosen.reads_captions)
        what = "new clips with a caption to train on" if chosen.reads_captions else "new clips to train on"
        if too_few := reason_to_skip(what, clips, chosen.min_new_clips, base):
            return _ended(FinetuneResult("skipped", too_few, base.name, len(new), clips))
        trained = walk(there, where=where)
        if promote and where != "here" and trained.may_go_on:  # the gate scores on the coordinator's machine
            trained = walk(there)
        if trained.record is None or not trained.may_go_on:
            return failed(trained)
        run = trained.record.name
        try:
            became, text, verdicts = _gated(there) if promote else _left(there, run)
        except Interrupted:
            return Failed(message=f"stopped before the decision about run {run}; the next fine-tune resumes there")
        return _ended(FinetuneResult(became, text, base.name, len(new), clips, run, verdicts))


def reason_to_skip(what: str, count: int, least: int, base: Base) -> str:
    """Return the reason for too little data, "" if there is enough."""
    return f"{count} {what} since {base.name}, at least {least} are needed" if count < least else ""


def clips_kept(repository: Repository, *, captioned: bool) -> int:
    """Return the number of new clips (with a caption) that the filter kept, wherever its output is."""
    entry = repository.recorded(FILTER)
    assert entry is not None, "the filter is up to date"
    with TemporaryDirectory() as folder:
        for item in entry.outs.values():
            digest = (listing(repository, item.md5) or {}).get(artifacts.MANIFEST, "")
            if not (digest and repository.copy(digest, Path(folder) / artifacts.MANIFEST)):
                raise errors.Retryable(f"the output of {FILTER} ({item.md5}) is neither in the cache nor in the remote")
        return artifacts.read_manifest(Path(folder)).counts["captioned" if captioned else "kept"]


def _gated(there: Workspace) -> GateOutcome:
    """Let the gate decide about the run in the fine-tune's checkout, and act on it."""
    promoter = Promoter(there, get_run_logger().info)
    found = promoter.decide()
    promoter.carry_out(found)
    text = f"{found.candidate} is champion" if found.passed else f"{found.candidate} is no better than {found.champion}"
    return "promoted" if found.passed else "refused", text, tuple(verdict.text for verdict in found.verdicts)


def _left(there: Workspace, run: str) -> GateOutcome:
    Registry(there.tracking_uri).register(run, "undecided")
    return "candidate", f"{run} is a candidate: `videopoet promote` in {there.root} lets the gate decide", ()


def _ended(what: FinetuneResult) -> State[FinetuneResult]:
    """Return the state of the flow run, and publish its Prefect artifact."""
    lines = [f"**{what.became}**: {what.text}", "", *(f"    {verdict}" for verdict in what.verdicts)]
    create_markdown_artifact("\n".join(lines), key="finetune", description=f"a fine-tune of {what.base}")
    return Completed(name=NAMES[what.became], message="\n".join([what.text, *what.verdicts]), data=what)


@contextmanager
def _inside(there: Workspace) -> Iterator[None]:
    """Change to another checkout for a block."""
    here = Path.cwd()
    os.chdir(there.root)
    try:
        yield
    finally:
        os.chdir(here)
