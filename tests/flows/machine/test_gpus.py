"""GPUs as `nvidia-smi` tells of them: here a script of that name, which gets and gives what the real one does."""

import json
import os
import sys
from pathlib import Path

import pytest

from flows.machine import gpus

SMI = """#!/bin/sh
echo "$@" > {asked}
printf '{answer}'
exit {code}
"""


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts an `nvidia-smi` on the path that answers so; returns the file with what it was asked."""

    def put(answer: str, code: int = 0) -> Path:
        script = tmp_path / "nvidia-smi"
        script.write_text(SMI.format(asked=tmp_path / "asked", answer=answer, code=code))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        gpus.count.cache_clear()
        return tmp_path / "asked"

    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    yield put
    gpus.count.cache_clear()


def test_each_gpu_tells_how_busy_it_is(smi):
    asked = smi("75\\n0\\n[N/A]\\n")
    assert gpus.shares() == [0.75, 0.0, 0.0]
    assert gpus.count() == 3
    assert "utilization.gpu" in asked.read_text()
    assert "--id" not in asked.read_text()


def test_only_those_that_the_stage_can_see_are_asked(smi, monkeypatch):
    asked = smi("50\\n")
    monkeypatch.setenv(gpus.VISIBLE, "1")
    assert gpus.shares() == [0.5]
    assert "--id=1" in asked.read_text()
    monkeypatch.setenv(gpus.VISIBLE, "")
    assert gpus.shares() == []


def test_a_driver_that_does_not_answer_has_none(smi):
    smi("NVIDIA-SMI has failed", code=9)
    assert gpus.shares() == []
    assert gpus.count() == 0


def test_a_stage_that_holds_a_gpu_is_charged_for_it(smi, checkout, monkeypatch):
    smi("40\\n")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    checkout.bring("apart")
    note = json.loads(Path(".videopoet/stages/apart.json").read_text())
    assert note["seconds"] <= note["gpu_s"] < note["seconds"] + 5
