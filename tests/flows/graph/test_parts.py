"""A stage in parts: the same command, a share of the items, no output."""

from pathlib import Path

import pytest
import yaml

from components.common.params import COMMAND
from flows.graph import parts
from flows.graph.lockfile import text_of

INGEST = "python -m components ingest --params ingest --corpus data/corpus --sources data/s.parquet --output data/clips"


def test_a_part_is_the_stages_command_without_its_output():
    assert parts.command(INGEST, 2, 5) == (
        "python -m components ingest.part --params ingest --corpus data/corpus --sources data/s.parquet"
        " --part 2 --parts 5"
    )


@pytest.mark.parametrize("name", ["filter", "ingest", "pretokenize"])
def test_the_graph_has_these_stages_in_parts(name):
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    commands = {stage: text_of(body["cmd"]) for stage, body in stages.items()}
    assert parts.can(commands[name])
    command = parts.command(commands[name], 0, 2)
    found = COMMAND.search(commands[name])
    assert found
    assert f"{name}.part --params {found['section']}" in command
    assert "--output" not in command


def test_a_training_is_done_as_a_whole():
    assert not parts.can("python -m components adapt --params adapt.v2a --tokens data/tokens --output models/adapt")
    assert not parts.can("sh make.sh")
