"""The flow `finetune`: the champion, trained a little further on what came in since, and gated.

It works in a checkout of its own (`finetuning.layout`), where all that is the champion's is pinned by hash before
anything runs. Where too little is new it ends as skipped: nothing is recorded, and the next time looks again.
The flow run's final state is named after what became of it: Skipped, Candidate, Promoted or Refused, all completed.
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
from flows.execution.coordinator import alone
from flows.execution.executor import Where
from flows.finetuning import layout, settings
from flows.finetuning.base import Base
from flows.machine.processes import Busy, Interrupted
from flows.machine.workspace import PARAMS, Workspace
from flows.promotion.promoter import Promoter
from flows.retrain import THREADS, failed, walk
from flows.runs import source_archive
from flows.runs.registry import Registry

FILTER = "filter"  # the stage that says how much of what is new is worth training on
Became = Literal["skipped", "candidate", "promoted", "refused"]
NAMES = {
    "skipped": flow_states.SKIPPED,
    "candidate": "Candidate",
    "promoted": flow_states.PROMOTED,
    "refused": flow_states.REFUSED,
}
Decided = tuple[Became, str, tuple[str, ...]]  # what became of it, in words, and the gate's table


@dataclass(frozen=True)
class Finetuned:
    """What became of a fine-tune; `run` is empty if it was skipped."""

    became: Became
    words: str
    base: str
    new_sources: int
    new_clips: int = 0
    run: str = ""
    verdicts: tuple[str, ...] = ()


@flow(name="finetune", persist_result=False, task_runner=THREADS)
def finetune(promote: bool = True, where: Where = "here") -> State[Any]:
    """Train the champion further on what is new, if that is enough; then promote it if it is better.

    Raises ValueError if there is no champion.

    Args:
        promote: Let the gate decide, and make it the champion if it is better; otherwise it is left as candidate.
        where: Where stages run; in a cluster each is a Job.
    """
    workspace = Workspace.find()
    try:
        with layout.turn(workspace):
            return _finetune(workspace, promote=promote, where=where)
    except Busy as busy:
        return flow_states.skipped(str(busy), busy)


def _finetune(workspace: Workspace, *, promote: bool, where: Where) -> State[Any]:
    base, chosen = Base.champion(workspace), settings.of(params.read(Path(PARAMS)))
    new = layout.new_sources(base)
    if too_few := reason_to_skip("new files", len(new), chosen.min_new_sources, base):
        return _ended(Finetuned("skipped", too_few, base.name, len(new)))
    there = layout.lay_out(workspace, base, new)
    if omission := source_archive.omission():
        get_run_logger().warning(omission)
    with _inside(there), alone(there, get_run_logger().warning):
        validation.check(Repository(there.root), settings.READ_BY_FLOWS)
        looked = walk(there, (FILTER,), where=where, keep_record=False)
        if not looked.may_go_on:
            return failed(looked)
        clips = clips_kept(Repository(there.root), captioned=chosen.reads_captions)
        what = "new clips with a caption to train on" if chosen.reads_captions else "new clips to train on"
        if too_few := reason_to_skip(what, clips, chosen.min_new_clips, base):
            return _ended(Finetuned("skipped", too_few, base.name, len(new), clips))
        trained = walk(there, where=where)
        if promote and where != "here" and trained.may_go_on:  # the gate scores on the coordinator's machine
            trained = walk(there)
        if trained.record is None or not trained.may_go_on:
            return failed(trained)
        run = trained.record.name
        try:
            became, words, verdicts = _gated(there) if promote else _left(there, run)
        except Interrupted:
            return Failed(message=f"stopped before it was decided about run {run}; the next time goes on there")
        return _ended(Finetuned(became, words, base.name, len(new), clips, run, verdicts))


def reason_to_skip(what: str, count: int, least: int, base: Base) -> str:
    """Why there is too little, "" if there is enough."""
    return f"{count} {what} since {base.name}, at least {least} are wanted" if count < least else ""


def clips_kept(repository: Repository, *, captioned: bool) -> int:
    """How many new clips (with a caption) the filter kept to train on, wherever its output lies."""
    entry = repository.recorded(FILTER)
    assert entry is not None, "the filter is up to date"
    with TemporaryDirectory() as folder:
        for item in entry.outs.values():
            digest = (listing(repository, item.md5) or {}).get(artifacts.MANIFEST, "")
            if not (digest and repository.copy(digest, Path(folder) / artifacts.MANIFEST)):
                raise errors.Retryable(f"what {FILTER} made ({item.md5}) is neither in the cache nor in the remote")
        return artifacts.read_manifest(Path(folder)).counts["captioned" if captioned else "kept"]


def _gated(there: Workspace) -> Decided:
    """Let the gate decide about the run in the fine-tune's checkout, and do as it says."""
    promoter = Promoter(there, get_run_logger().info)
    found = promoter.decide()
    promoter.carry_out(found)
    words = (
        f"{found.candidate} is champion" if found.passed else f"{found.candidate} is no better than {found.champion}"
    )
    return "promoted" if found.passed else "refused", words, tuple(verdict.words for verdict in found.verdicts)


def _left(there: Workspace, run: str) -> Decided:
    Registry(there.tracking_uri).register(run, "undecided")
    return "candidate", f"{run} is a candidate: `videopoet promote` in {there.root} decides about it", ()


def _ended(what: Finetuned) -> State[Finetuned]:
    """The state of the flow run, and a page in Prefect."""
    lines = [f"**{what.became}**: {what.words}", "", *(f"    {verdict}" for verdict in what.verdicts)]
    create_markdown_artifact("\n".join(lines), key="finetune", description=f"a fine-tune of {what.base}")
    return Completed(name=NAMES[what.became], message="\n".join([what.words, *what.verdicts]), data=what)


@contextmanager
def _inside(there: Workspace) -> Iterator[None]:
    """Work in another checkout for a block."""
    here = Path.cwd()
    os.chdir(there.root)
    try:
        yield
    finally:
        os.chdir(here)
