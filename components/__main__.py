"""The command line of every stage: `python -m components <stage> --params <section> --<input> PATH … --output PATH`.

Flags are read from the signature of the stage's `run`; an argument that is a dataclass, such as the paths of all
models, has one flag for each of its fields. This is the only place that reads the environment:

VIDEOPOET_SCRATCH   folder for checkpoints (default .videopoet/scratch)
VIDEOPOET_CACHE     folder for cached work (default .videopoet/cache)
VIDEOPOET_ROOTS     JSON file: alias -> folder or store of your own media (default .videopoet/roots.json)
VIDEOPOET_TRACKING_URI, VIDEOPOET_RUN_ID   the MLflow run to log to
WORLD_SIZE, LOCAL_WORLD_SIZE, RANK, LOCAL_RANK   set by torchrun, where a training runs as several processes
"""

import errno
import hashlib
import inspect
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from jsonargparse import ArgumentParser

from components.common import artifacts, codelock, errors, params, runtime, tracking

FULL = (errno.ENOSPC, errno.EDQUOT)


def main(arguments: list[str]) -> int:
    """Run one stage; returns 0 or an exit code of components/common/errors.py."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{__doc__}\nstages: {', '.join(codelock.components())}")
        return 0
    component, _, module = arguments[0].partition(".")
    try:
        if component not in codelock.components():
            raise ValueError(f"no stage `{component}`: choose one of {', '.join(codelock.components())}")
        _run(component, module or "stage", arguments[1:])
    except (ValueError, errors.DataError, errors.Retryable, errors.Stopped) as error:
        origin = "" if module == "request" else f"{arguments[0]}: "  # the user called no module
        print(f"{origin}{error}", file=sys.stderr, flush=True)
        match error:
            case errors.DataError():
                return errors.DATA
            case errors.Retryable():
                return errors.RETRY
            case errors.Stopped():
                return errors.STOPPED
            case _:
                if os.environ.get("VIDEOPOET_TRACEBACK"):
                    raise
                return errors.CONFIGURATION
    except OSError as error:
        if error.errno not in FULL:
            raise
        print(f"{arguments[0]}: the disk is full ({error}); nothing half-written is left", file=sys.stderr, flush=True)
        return errors.RETRY
    return 0


def _run(component: str, module: str, arguments: list[str]) -> None:
    # Signals end a data stage at once; its half-written folder is removed on the way out.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _stop)
    section = _section(arguments)
    config = params.build(component, section, params.read())
    os.environ["OMP_NUM_THREADS"] = str(config.threads)  # read by numerical libraries when they are imported
    if module == "stage":
        codelock.check(component)
    run = import_module(f"components.{component}.{module}").run
    flags = _flags(component, run, arguments)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(config.threads)
        # what `use_deterministic_algorithms` does, but without torch's compiler, which takes 2 s to import
        sys.modules["torch"].set_deterministic_debug_mode("warn")
    with runtime.use(_runtime(component, section, config, flags)), _output_of_one(flags):
        summary = run(config, **_arguments(run, flags))
    if isinstance(summary, artifacts.Summary):
        dropped = "".join(f", {count} {reason}" for reason, count in summary.dropped.items())
        counts = ", ".join(f"{count:,} {what}" for what, count in summary.counts.items())
        print(f"{section}: {counts}{'; dropped' + dropped[1:] if dropped else ''}", flush=True)


@contextmanager
def _output_of_one(flags: dict[str, Any]) -> Iterator[None]:
    """Of several processes on one machine, which all make the same, let the first one alone write the output."""
    if os.environ.get("LOCAL_RANK", "0") == "0" or "output" not in flags:
        yield
        return
    flags["output"] = runtime.current().scratch / f"output-of-rank-{os.environ['RANK']}"
    try:
        yield
    finally:
        shutil.rmtree(flags["output"], ignore_errors=True)


def _section(arguments: list[str]) -> str:
    if "--params" not in arguments[:-1]:
        raise ValueError("say which section of params.yaml to read: --params SECTION")
    return arguments[arguments.index("--params") + 1]


def _flags(component: str, run: Callable[..., Any], arguments: list[str]) -> dict[str, Any]:
    parser = ArgumentParser(prog=f"python -m components {component}", description=inspect.getdoc(run))
    parser.add_argument("--params", type=str, required=True, help="section of params.yaml")
    for parameter in _keywords(run):
        for name, kind in _members(parameter).items():
            required = parameter.default is inspect.Parameter.empty
            extra = {} if required else {"default": parameter.default}
            parser.add_argument(f"--{name.replace('_', '-')}", type=kind, required=required, **extra)
    values = parser.parse_args(arguments).as_dict()
    del values["params"]
    return {name.replace("-", "_"): value for name, value in values.items()}


def _arguments(run: Callable[..., Any], flags: dict[str, Any]) -> dict[str, Any]:
    """Build the arguments of `run` from the values of its flags."""
    return {parameter.name: _argument(parameter, flags) for parameter in _keywords(run)}


def _argument(parameter: inspect.Parameter, flags: dict[str, Any]) -> Any:
    if not is_dataclass(parameter.annotation):
        return flags[parameter.name]
    build = cast(Callable[..., Any], parameter.annotation)
    return build(**{name: flags[name] for name in _members(parameter)})


def _keywords(run: Callable[..., Any]) -> list[inspect.Parameter]:
    found = inspect.signature(run).parameters.values()
    return [parameter for parameter in found if parameter.kind is inspect.Parameter.KEYWORD_ONLY]


def _members(parameter: inspect.Parameter) -> dict[str, Any]:
    """Return the flags of a parameter, by name, with their types: its fields if it is a dataclass, else itself."""
    if is_dataclass(parameter.annotation):
        return {field.name: field.type for field in fields(parameter.annotation)}
    return {parameter.name: parameter.annotation}


def _runtime(component: str, section: str, config: Any, flags: dict[str, Any]) -> runtime.Runtime:
    inputs = {
        name: path for name, path in flags.items() if isinstance(path, Path) and name != "output" and path.exists()
    }
    identity = json.dumps(
        [asdict(config), {n: _identity(p) for n, p in inputs.items()}, codelock.modules(component)], sort_keys=True
    )
    stage = Path(os.environ.get("VIDEOPOET_SCRATCH", ".videopoet/scratch")).absolute() / section
    scratch = stage / hashlib.sha256(identity.encode()).hexdigest()[:16]
    for other in stage.glob("*"):
        if other != scratch:  # checkpoints of other inputs, parameters or code
            shutil.rmtree(other, ignore_errors=True)
    cache = Path(os.environ.get("VIDEOPOET_CACHE", ".videopoet/cache")).absolute()
    roots = Path(os.environ.get("VIDEOPOET_ROOTS", ".videopoet/roots.json"))
    uri, run_id = os.environ.get("VIDEOPOET_TRACKING_URI"), os.environ.get("VIDEOPOET_RUN_ID")
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return runtime.Runtime(
        scratch=scratch,
        cache=cache,
        roots={alias: runtime.root_of(root) for alias, root in json.loads(roots.read_text()).items()}
        if roots.is_file()
        else {},
        tracker=tracking.MlflowTracker(uri, run_id) if uri and run_id else tracking.Tracker(),
        processes=processes,
        nodes=int(os.environ.get("WORLD_SIZE", "1")) // processes,
    )


def _identity(path: Path) -> str:
    return artifacts.digest(path) if path.is_file() or (path / artifacts.MANIFEST).is_file() else ""


def _stop(number: int, _frame: object) -> None:
    raise errors.Stopped(f"stopped by {signal.Signals(number).name}; the same command resumes from here")


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # all is written; to take torch, Lightning and MLflow apart would cost each stage 2 s more
