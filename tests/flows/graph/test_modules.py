"""A stage's code as an input, by the real code locks on a made-up component."""

from pathlib import Path

import pytest

from components.common import codelock
from flows.cli import session
from flows.machine.workspace import Workspace

STAGE = '''"""What it is."""
from components.echo import ops
def run() -> str:
    """Say it."""
    return ops.SAID  # said
'''


@pytest.fixture
def echo(checkout, monkeypatch):
    """A checkout whose stage `apart` depends on the code of component `echo`, with everything up to date."""
    for name, text in (("__init__", ""), ("stage", STAGE), ("ops", "SAID = 1\n")):
        path = Path(f"components/echo/{name}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    Path("components/__init__.py").touch()
    Path("codelock/work.json").replace("work.json")
    graph = Path("dvc.yaml")
    text = graph.read_text().replace("codelock/work.json", "work.json")
    graph.write_text(text.replace("apart out/apart\n", "apart out/apart\n    deps: [codelock/echo.json]\n"))
    monkeypatch.setattr(codelock, "SOURCE", checkout.root)
    refresh()
    checkout.bring("apart")
    checkout.started()
    return checkout


def refresh() -> list[str]:
    codelock._read.cache_clear()
    return codelock.write_all()


def test_a_changed_docstring_or_comment_runs_nothing(echo):
    path = Path("components/echo/stage.py")
    path.write_text(
        STAGE.replace("What it is", "All about it").replace("# said", "# spoken").replace("Say it", "Speak")
    )
    assert refresh() == []
    assert echo.decisions()["apart"].verdict == "up to date"
    echo.bring("apart")
    assert echo.started() == []


def test_changed_code_runs_its_stage_and_the_module_is_named(echo):
    Path("components/echo/ops.py").write_text("SAID = 2\n")
    assert refresh() == ["echo"]
    assert [reason.name for reason in echo.decisions()["apart"].reasons] == ["components.echo.ops"]
    echo.bring("apart")
    assert echo.started() == ["apart"]


def test_a_run_refuses_to_begin_with_a_lock_that_is_not_refreshed(echo):
    Path("components/echo/ops.py").write_text("SAID = 3\n")
    codelock._read.cache_clear()
    with pytest.raises(ValueError, match=r"components\.echo\.ops.*videopoet codelock refresh"):
        session.run(Workspace(echo.root), ("apart",), force=False)


def test_a_plan_warns_of_a_lock_that_is_not_refreshed(echo, capsys):
    Path("components/echo/ops.py").write_text("SAID = 3\n")
    codelock._read.cache_clear()
    session.show_plan(Workspace(echo.root), ("apart",), with_estimate=False)
    out, err = capsys.readouterr()
    assert "0 of 1 stages would run" in out
    assert "warning: codelock/echo.json does not match the code (components.echo.ops)" in err
