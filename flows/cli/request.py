"""A user's request to generate -> the command line of `generate.request`, with the models of the graph.

The models' paths come from stage `generate` in dvc.yaml; the settings for flow and depth (stylization) from the stage
that measured the training clips.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from flows.execution.local import withheld
from flows.graph.graph import Graph

STAGE = "generate"
NOT_PASSED_ON = ("--params", "--clips", "--output")


def carry_out(graph: Graph, options: Mapping[str, object]) -> int:
    """Generate the sample in a process with the environment of a stage; returns its exit code."""
    variables = {name: os.environ[name] for name in os.environ.keys() - withheld().keys()}
    return subprocess.run(command(graph, options), env=variables, check=False).returncode


def command(graph: Graph, options: Mapping[str, object]) -> list[str]:
    """Build the command; options that are None or empty are left out.

    Raises ValueError if a model is missing.
    """
    folders, settings = _of_graph(graph)
    if missing := [path for path in folders.values() if not Path(path).exists()]:
        raise ValueError(f"{missing[0]} does not exist yet: train all models with `videopoet run`")
    asked = {f"--{name.replace('_', '-')}": value for name, value in options.items()}
    given = {flag: value for flag, value in {**folders, **settings, **asked}.items() if value not in (None, "")}
    section = _flags(graph.by_name[STAGE].cmd)["--params"]
    pairs = [f"{flag}={value}" for flag, value in given.items()]
    return [sys.executable, "-m", "components", f"{STAGE}.request", "--params", section, *pairs]


def _of_graph(graph: Graph) -> tuple[dict[str, str], dict[str, str]]:
    """Return the flags of folders and of settings."""
    folders = {flag: path for flag, path in _flags(graph.by_name[STAGE].cmd).items() if flag not in NOT_PASSED_ON}
    measuring = graph.by_name[graph.producer[folders["--structure"]]]
    flags = _flags(measuring.cmd)
    section = measuring.params[flags["--params"]]
    settings = {"--flow-model": section["flow_model"], "--depth-model": section["depth_model"]}
    return folders | {"--pretrained": flags["--pretrained"]}, settings


def _flags(stage_command: str) -> dict[str, str]:
    words = shlex.split(stage_command)[4:]  # after `python -m components <stage>`
    return dict(zip(words[::2], words[1::2], strict=True))
