"""Conversion between DVC's objects and ours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.stage import PipelineStage
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.meta import Meta

from flows.graph.graph import Artifact, Stage
from flows.graph.lockfile import text_of


@dataclass(frozen=True)
class PreparedStage:
    """A stage without outputs, whose inputs are hashed; the argument of `Repository.record`."""

    name: str
    handle: PipelineStage


def plain(
    stage: PipelineStage, parents: Sequence[str], values_of: Callable[[ParamsDependency], Mapping[str, Any]]
) -> Stage:
    """Convert a stage to plain data, with its parameters as `values_of` reads them."""
    params: dict[str, Any] = {}
    for dep in stage.params:
        values = values_of(dep)
        prefix = "" if dep.def_path == ParamsDependency.DEFAULT_PARAMS_FILE else f"{dep.def_path}:"
        params |= {f"{prefix}{key}": values[key] for key in sorted(values)}
    return Stage(
        name=stage.name,
        cmd=text_of(stage.cmd),
        deps=tuple(dep.def_path for dep in stage.deps if not isinstance(dep, ParamsDependency)),
        params=params,
        outs=tuple(out.def_path for out in stage.outs),
        parents=tuple(parents),
        is_gate=bool((stage.meta or {}).get("gate")),
    )


def fill(thing: Output, item: Artifact) -> None:
    """Set the hash and size of one of DVC's inputs or outputs."""
    thing.meta = Meta(isdir=item.md5.endswith(".dir"), size=item.size, nfiles=item.nfiles, isexec=item.isexec)
    thing.hash_info, thing.obj, thing.files = HashInfo("md5", item.md5), None, None


@contextmanager
def readable_errors() -> Iterator[None]:
    """Raise DVC's errors as ValueError: they are caused by its user, such as a wrong dvc.yaml or a missing file."""
    try:
        yield
    except DvcException as error:
        raise ValueError(f"{error}{f': {error.__cause__}' if error.__cause__ else ''}") from error
