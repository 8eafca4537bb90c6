"""The documentation promises nothing that is not there: links, commands with their options, generated pages."""

import fnmatch
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml
from typer._click.exceptions import UsageError

from components.common import errors
from documentation import cli, environment, exit_codes, reference, site
from flows.cli.main import app
from flows.graph.graph import flat

ROOT = Path(__file__).parents[1]
NAMES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "AGENTS.md", "k8s/README.md")
PAGES = [*(ROOT / name for name in NAMES), *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```", re.M | re.S)
LINK = re.compile(r"(?<!\!)\[[^\]]+\]\((?!https?:|mailto:)(?P<path>[^)#]*)(?:#(?P<anchor>[^)]+))?\)")
OUTSIDE = re.compile(
    r"""<(?:script|link|img|iframe|source|video|audio)\b[^>]*?\b(?:src|href)=["']?(?:https?:)?//[^"'\s>]+"""
)
PLACEHOLDER = re.compile(r"[A-Z]+")
EXAMPLES = {"profiles/wider.yaml"}
SUFFIXES = {".part", ".request", ".py", ".parquet", ".csv", ".json"}  # modules and files that are named like parameters
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].keys()
FILE = re.compile(r"`((?:benchmarks|codelock|components|documentation|flows|k8s|profiles|tests)/[\w./@-]*)`")
COMMANDS = typer.main.get_command(app)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text())


def anchors(path: Path) -> set[str]:
    """Ids of a page's headings, as the site and code hosts make them."""
    headings = re.findall(r"^#{1,6} +(.+)$", prose(path), re.M)
    plain = [re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in plain}


def commands(path: Path) -> Iterator[str]:
    """Lines of the sh blocks of a page, continued lines joined, variables before a command left out."""
    for block in FENCE.finditer(path.read_text()):
        if block["language"] == "sh":
            for line in block["code"].replace("\\\n", " ").splitlines():
                yield re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line.strip())


def starting(*words: str) -> list[object]:
    return [
        pytest.param(line, id=f"{name(page)}: {line.split('#')[0].strip()}")
        for page in PAGES
        for line in commands(page)
        if line.startswith(words)
    ]


def parsed(words: list[str]) -> typer.Context:
    """Parse a command line of `videopoet` as it would be parsed, without running anything."""
    command = COMMANDS
    context = command.make_context("videopoet", words)
    while isinstance(command, typer.core.TyperGroup) and (rest := [*context._protected_args, *context.args]):
        found, command, rest = command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(found, rest, parent=context)
    return context


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_anchors_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.finditer(prose(page)):
        target = page.parent / link["path"] if link["path"] else page
        if not target.exists() or (link["anchor"] and link["anchor"] not in anchors(target)):
            broken.append(link[0])
    assert not broken


@pytest.mark.parametrize("line", starting("videopoet "))
def test_a_videopoet_command_has_these_options(line: str) -> None:
    words = shlex.split(line.split(" | ")[0], comments=True)[1:]
    try:
        context = parsed([word for word in words if word != "&"])
    except typer.Exit:
        return  # --version and --help are done
    for stage in context.params.get("stages") or ():
        assert PLACEHOLDER.fullmatch(stage) or stage.partition("@")[0] in STAGES


def test_a_wrong_option_would_be_noticed() -> None:
    with pytest.raises(UsageError):
        parsed(["runs", "show", "latest", "--no-such-option"])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_the_text_exist(page: Path) -> None:
    unknown = [
        found[0]
        for found in re.finditer(r"`videopoet (?P<command>[a-z_]+)[^`]*`", prose(page))
        if found["command"] not in COMMANDS.commands
    ]
    assert not unknown


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_the_text_names_exist(page: Path) -> None:
    named = FILE.findall(prose(page))
    assert [path for path in named if not (ROOT / path).exists() and path not in EXAMPLES] == []


@pytest.mark.parametrize("line", starting("make "))
def test_a_make_target_exists(line: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {word for word in shlex.split(line, comments=True)[1:] if "=" not in word} <= targets


@pytest.mark.parametrize("line", starting("python -m components "))
def test_a_stage_has_these_flags(line: str) -> None:
    words = shlex.split(line, comments=True)
    component, _, module = words[3].partition(".")
    flags = cli.flags_of(ROOT / "components" / component / f"{module or 'stage'}.py")
    assert flags is not None
    given = {word for word in words if word.startswith("--")} - {"--params"}
    assert {flag for flag, needed in flags if needed} <= given <= {flag for flag, _ in flags}


def test_the_fields_of_an_argument_that_is_a_dataclass_are_flags() -> None:
    flags = dict(cli.flags_of(ROOT / "components/generate/stage.py") or [])
    assert flags["--visual-tokenizer"]
    assert "--models" not in flags
    words = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["generate"]["cmd"].split()
    assert {word for word in words if word.startswith("--")} - {"--params"} == flags.keys()


@pytest.mark.parametrize("line", starting("python -m pytest "))
def test_tests_to_run_exist(line: str) -> None:
    paths = [word for word in shlex.split(line, comments=True) if word.startswith("tests/")]
    assert paths
    assert all((ROOT / path).exists() for path in paths)


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_generated_page_is_fresh(page: str) -> None:
    assert (ROOT / "docs/reference" / page).read_text() == reference.PAGES[page](), "run `make docs` and commit"


def test_parameters_that_pages_name_exist() -> None:
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    keys = {*(key for name in flat(values) for key in _beginnings(name))}
    unknown = [
        f"{name(page)}: {found}"
        for page in PAGES
        for found in re.findall(r"`([a-z_0-9]+(?:\.[a-z_0-9*]+)+)(?:: [^`]*)?`", prose(page))
        if found.partition(".")[0] in values
        and Path(found).suffix not in SUFFIXES
        and not any(fnmatch.fnmatch(key, found) for key in keys)
    ]
    assert not unknown


def _beginnings(key: str) -> Iterator[str]:
    parts = key.split(".")
    yield from (".".join(parts[: count + 1]) for count in range(len(parts)))


def test_every_exit_code_is_described() -> None:
    codes = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}
    assert codes <= exit_codes.CODES.keys()


def test_every_environment_variable_is_described() -> None:
    assert environment.found() == environment.FOR_YOU.keys() | environment.SET_BY_THE_PIPELINE.keys()


def test_every_page_is_in_the_navigation_once() -> None:
    there = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(page for _, page in site.navigation(ROOT)) == sorted([*there, *site.FROM_ROOT.values()])


def test_every_page_begins_with_its_title() -> None:
    assert [name(page) for page in PAGES if not page.read_text().startswith("# ")] == []


def test_links_of_the_site_stay_in_it(tmp_path: Path) -> None:
    site.stage(ROOT, tmp_path)
    broken = [
        f"{path.relative_to(tmp_path)}: {link[0]}"
        for path in tmp_path.rglob("*.md")
        for link in LINK.finditer(FENCE.sub("", path.read_text()))
        for target in [(path.parent / link["path"]).resolve()]
        if not target.is_relative_to(tmp_path) or not target.exists()
    ]
    assert not broken


def test_a_link_out_of_the_site_becomes_text() -> None:
    text = "see [the code](../../flows/cli/main.py), [Security](../../SECURITY.md#a) and [costs](../costs.md)"
    assert site.rewritten(text, "docs/how-to/x.md", "how-to/x.md") == (
        "see the code (`flows/cli/main.py`), [Security](../security.md#a) and [costs](../costs.md)"
    )


def test_llms_txt_names_every_page_with_a_sentence(tmp_path: Path) -> None:
    site.stage(ROOT, tmp_path)
    lines = [line for line in (tmp_path / "llms.txt").read_text().splitlines() if line.startswith("- ")]
    assert len(lines) == len(list(site.navigation(ROOT)))
    assert [line for line in lines if line.endswith("):")] == []


def test_the_built_site_asks_no_other_host(tmp_path: Path) -> None:
    builder = Path(sys.executable).with_name("zensical")
    if not builder.is_file():
        pytest.skip("zensical is not installed: make setup-docs")
    site.stage(ROOT, tmp_path / "build/docs-source")
    shutil.copy(ROOT / site.SITE, tmp_path)
    subprocess.run([builder, "build", "--strict"], cwd=tmp_path, check=True, capture_output=True)
    built = tmp_path / "build/docs"
    pages = {path: path.read_text() for path in built.rglob("*.html")}
    assert len(pages) > len(list(site.navigation(ROOT)))
    asked = {found[0] for text in pages.values() for found in OUTSIDE.finditer(text)}
    assert not asked
    styles = "".join(path.read_text() for path in built.rglob("*.css"))
    assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", styles)
    assert 'src="./assets/mermaid.tiny.js"' in pages[built / "index.html"]
    assert (built / "assets/mermaid.LICENSE").is_file()
    assert (built / "llms.txt").is_file()
