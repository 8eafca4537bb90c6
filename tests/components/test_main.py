"""The stages' command line: flags from the signature, faults as exit codes in plain words."""

import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from components import __main__ as command_line
from components.common import errors

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "codelock", tmp_path / "codelock")
    (tmp_path / "params.yaml").write_text("pretrained: {models: [], threads: 1}\n")
    return tmp_path


def stage(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "components", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, timeout=120)


def test_a_stage_writes_its_output_and_says_what_it_did(workspace: Path) -> None:
    done = stage(workspace, "pretrained", "--params", "pretrained", "--output", "models/pretrained")
    assert done.returncode == 0, done.stderr
    assert (workspace / "models/pretrained/manifest.json").is_file()


def test_a_stage_with_torch_is_deterministic_and_does_not_import_torch_s_compiler_for_it(workspace: Path) -> None:
    code = """import sys, torch; from components import __main__ as command_line
assert command_line.main(sys.argv[1:]) == 0
print(torch.get_deterministic_debug_mode(), torch.get_num_threads(), "torch._dynamo" in sys.modules)"""
    asked = ["pretrained", "--params", "pretrained", "--output", "models/pretrained"]
    said = subprocess.check_output(
        [sys.executable, "-c", code, *asked],
        cwd=workspace,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert said.splitlines()[-1] == "1 1 False"


def test_of_several_processes_on_one_machine_the_first_alone_writes_the_output(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["pretrained", "--params", "pretrained", "--output", "models/pretrained"]
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_RANK", "1")
    done = stage(workspace, *asked)
    assert done.returncode == 0, done.stderr
    assert not (workspace / "models").exists()
    assert not list(workspace.glob(".videopoet/scratch/*/*/*"))
    monkeypatch.setenv("LOCAL_RANK", "0")
    stage(workspace, *asked)
    assert (workspace / "models/pretrained/manifest.json").is_file()


def test_an_unknown_key_is_a_configuration_fault_before_any_work(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("pretrained: {models: [], threads: 1, modelz: []}\n")
    done = stage(workspace, "pretrained", "--params", "pretrained", "--output", "models/pretrained")
    assert (done.returncode, "modelz" in done.stderr) == (errors.CONFIGURATION, True)
    assert not (workspace / "models").exists()


def test_a_lock_that_does_not_match_the_code_is_refused(workspace: Path) -> None:
    (workspace / "codelock/pretrained.json").write_text("{}")
    done = stage(workspace, "pretrained", "--params", "pretrained", "--output", "models/pretrained")
    assert (done.returncode, "videopoet codelock refresh" in done.stderr) == (errors.CONFIGURATION, True)


def test_an_unknown_stage_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["ingst"]) == errors.CONFIGURATION
    assert "ingest" in capsys.readouterr().err


def test_help_lists_the_stages(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["--help"]) == 0
    assert "visual_tokenizer" in capsys.readouterr().out


def test_an_argument_that_is_a_dataclass_has_a_flag_for_each_field() -> None:
    from components.generate.model_paths import ModelPaths

    def run(config: object, *, clips: Path, models: ModelPaths, output: Path, seed: int = 3) -> None:
        del config, clips, models, output, seed

    names = [field.name for field in fields(ModelPaths)]
    given = [f"--{name.replace('_', '-')}=models/{name}" for name in names]
    flags = command_line._flags("generate", run, ["--params", "generate", "--clips=c", "--output=o", *given])
    assert flags["text_to_video"] == Path("models/text_to_video")  # flat, as a run's identity and logs name them
    arguments = command_line._arguments(run, flags)
    models = ModelPaths(**{name: Path("models", name) for name in names})
    assert arguments == {"clips": Path("c"), "models": models, "output": Path("o"), "seed": 3}


def test_the_graph_gives_generate_the_flags_of_its_models() -> None:
    from components.generate.model_paths import ModelPaths

    words = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["generate"]["cmd"].split()
    assert {f"--{field.name.replace('_', '-')}" for field in fields(ModelPaths)} <= {*words}
