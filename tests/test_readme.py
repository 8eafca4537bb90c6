"""README and the pages in docs/ promise nothing that is not there, and README's commands work as they are written."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
import typer.main
import yaml

from components.common import codelock
from components.media import images, video
from documentation import hero
from documentation import readme as tables
from flows.cli.main import app
from tests import clones, s3
from tests.conftest import made_frames

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = {ROOT / "README.md": README} | {path: path.read_text() for path in sorted((ROOT / "docs").rglob("*.md"))}
MOST_LINES = 150
PROGRAMS = ("videopoet", "make", "dvc", "python", "prefect", "source")
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.S)
CHAINED = pytest.mark.chain

# Commands that take minutes or go on until they are stopped: what runs them instead. Their options are parsed here.
ELSEWHERE = {
    "make run": "`finished_clone` runs what it runs",
    "source .venv/bin/activate": "a clone's environment is the tests' own",
    "dvc repro": "tests/test_chain.py runs it stage by stage",
    "videopoet finetune": "tests/flows/test_finetune.py",
    "videopoet reproduce latest": "tests/flows/test_reproduce.py",
    "videopoet serve --notify slack-webhook/team": "tests/flows/deployments/test_serve.py",
    "videopoet run --on kubernetes": "tests/flows/kubernetes/test_executor.py",
}
# Commands that a finished run rightly answers with an exit code and these words.
REFUSED = {
    "videopoet cancel": (64, "no run is in progress here"),
    "videopoet rollback": (64, "there is no previous champion"),
}


def shown(text: str) -> list[str]:
    """Commands in blocks of shell, each once."""
    blocks = [line for kind, block in FENCE.findall(text) if kind == "sh" for line in block.splitlines()]
    return commands(blocks)


def shown_inline(text: str) -> list[str]:
    """Commands in inline code, each once."""
    inline = re.findall(r"`([^`\n]+)`", re.sub("<!--.*?-->", "", FENCE.sub("", text), flags=re.S))
    return commands(inline)


def commands(given: Iterable[str]) -> list[str]:
    """Those of the lines that start a program, without their comments."""
    lines = (re.sub(r"(^|\s+)#.*", "", line).strip() for line in given)
    return list(dict.fromkeys(line for line in lines if line.startswith(tuple(f"{name} " for name in PROGRAMS))))


def parsed(line: str) -> list[str]:
    """Parse a command by the real command line, without running it: its name and those of its subcommands.

    Raises the usage error of the command line.
    """
    command: Any = typer.main.get_command(app)
    context, words, names = None, shlex.split(line), []
    while words:
        names.append(words[0])
        try:
            context = command.make_context(words[0], words[1:], parent=context)
        except typer.Exit:  # --version, --help
            return names
        words = [*context._protected_args, *context.args] if hasattr(command, "commands") else []
        command = command.resolve_command(context, words)[1] if words else None
    return names


COMMANDS = list(dict.fromkeys([*shown(README), *shown_inline(README)]))
EVERYWHERE = sorted({*COMMANDS, *(line for text in PAGES.values() for line in shown(text))})
LINKS = [
    (path, link)
    for path, text in PAGES.items()
    for link in re.findall(r"\]\((?!http|#)([^)\s]+)\)", FENCE.sub("", text))
]
FIRST = ("videopoet run", "videopoet promote")  # before the other commands change sources and parameters
IN_ORDER = sorted((line for line in COMMANDS if line not in ELSEWHERE), key=lambda line: not line.startswith(FIRST))


def test_readme_is_short_and_names_no_hash() -> None:
    assert len(README.splitlines()) <= MOST_LINES
    words = re.findall(r"\b[0-9a-f]{6,}\b", re.sub(r"https?://\S+", "", README))
    assert not [word for word in words if re.search(r"\d", word)]


@pytest.mark.parametrize("command", [line for line in EVERYWHERE if line.startswith("videopoet ")])
def test_the_command_line_takes_a_command_with_its_options(command: str) -> None:
    assert parsed(command)[0] == "videopoet"


@pytest.mark.parametrize("command", ["videopoet runs diff latest", "videopoet run --now", "videopoet cards"])
def test_a_command_that_the_command_line_refuses_is_seen(command: str) -> None:
    with pytest.raises(Exception, match=r"Missing parameter|No such"):
        parsed(command)


@pytest.mark.parametrize("command", [line for line in EVERYWHERE if line.startswith("make ")])
def test_a_make_target_exists(command: str) -> None:
    assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize("command", [line for line in EVERYWHERE if line.startswith("python -m components ")])
def test_a_stage_exists(command: str) -> None:
    component, _, door = command.split()[3].partition(".")
    assert component in codelock.components()
    assert (ROOT / "components" / component / f"{door or 'stage'}.py").is_file()


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda value: getattr(value, "name", value))
def test_a_linked_file_exists(page: Path, link: str) -> None:
    assert (page.parent / link.partition("#")[0]).exists()


@pytest.mark.parametrize("path", [path for path in ELSEWHERE.values() if path.endswith(".py")])
def test_what_runs_a_command_elsewhere_exists(path: str) -> None:
    assert (ROOT / path).is_file()


def test_the_graph_shows_stages_of_dvc_yaml() -> None:
    (graph,) = [block for kind, block in FENCE.findall(README) if kind == "mermaid"]
    nodes = set(re.findall(r"[a-z_]+", re.sub(r"\[.*?\]|flowchart LR", "", graph))) - {"sources"}
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert nodes == {node for node in nodes if any(name.startswith(node) for name in stages)}
    assert [name for name in stages if not any(name.startswith(node) for node in nodes)] == ["pretrained", "embed_text"]


def test_the_generated_tables_are_those_that_make_readme_writes() -> None:
    found = json.loads(tables.RESULTS.read_text())
    text = tables.replaced(README, "profiles", tables.profile_table())
    assert tables.replaced(text, "results", tables.results(found)) == README, "run `make readme`"


def test_several_runs_become_mean_and_deviation() -> None:
    found = json.loads(tables.RESULTS.read_text())
    other = json.loads(json.dumps(found["runs"][0]))
    other["scores"][0]["value"] = found["runs"][0]["scores"][0]["value"] - 0.2
    lines = tables.results(found | {"runs": [found["runs"][0], other]})
    assert "Mean ± standard deviation of 2 runs" in lines
    assert "± 14 %" in lines


@pytest.fixture(scope="module")
def used(finished_clone: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the finished clone with two records, and what README's commands take: ~/my-clips, s3://bucket/clips."""
    folder = tmp_path_factory.mktemp("readme")
    root, home = folder / "clone", folder / "home"
    shutil.copytree(finished_clone[0], root, symlinks=True)
    (home / "my-clips").mkdir(parents=True)
    clip = video.encode_mp4(made_frames(20, 64, 64, "red", "left"), fps=8, crf=18)
    (home / "my-clips/a.mp4").write_bytes(clip)
    (root / "my.png").write_bytes(images.encode_png(np.full((64, 64, 3), 90, np.uint8)))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**s3.CREDENTIALS, "HOME": str(home), "AWS_DEFAULT_REGION": "us-east-1"}.items():
            patch.setenv(name, value)
        patch.setenv("BROWSER", "true")
        with s3.served(folder / "s3.log") as address:
            patch.setenv("AWS_ENDPOINT_URL", address)
            boto3.client("s3").put_object(Bucket=s3.BUCKET, Key="clips/b.mp4", Body=clip)
            clones.videopoet(root, "run", "data_card")  # the second record
            yield root
    shutil.rmtree(root)


@CHAINED
@pytest.mark.parametrize("command", IN_ORDER)
def test_a_command_works_as_it_is_written(used: Path, command: str) -> None:
    done = subprocess.run(
        ["bash", "-c", command], cwd=used, env=clones.environment(), capture_output=True, text=True, timeout=600
    )
    code, words = REFUSED.get(command, (0, ""))
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout + done.stderr


@CHAINED
def test_a_run_ends_with_the_lines_that_readme_shows(finished_clone: tuple[Path, str]) -> None:
    (block,) = [block for kind, block in FENCE.findall(README) if kind == "text"]
    printed = [line for line in finished_clone[1].splitlines() if re.match(r"(report|video|record|run) +\S+$", line)]
    for line, real in zip(block.splitlines(), printed, strict=True):
        pattern = re.escape(line).replace("…", "[0-9a-f]+")
        assert re.fullmatch(re.sub(r"media/.*", r"media/\\S+\.mp4", pattern), real), f"{real} is what a run prints"


@CHAINED
def test_the_scores_of_a_run_have_every_row_of_the_table(finished_clone: tuple[Path, str]) -> None:
    found = tables.collected([finished_clone[0]])
    assert len(tables.results(found).splitlines()) == 5 + len(tables.SCORES)


@CHAINED
def test_the_moving_picture_is_made_of_a_run(
    finished_clone: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished_clone[0])
    hero.main(Path("data/samples"), tmp_path / "hero.gif")
    assert 10_000 < (tmp_path / "hero.gif").stat().st_size < hero.MOST_BYTES
