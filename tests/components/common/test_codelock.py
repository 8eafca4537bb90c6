"""Code counts as an input; its comments and docstrings do not."""

from pathlib import Path

import pytest

from components.common import codelock


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {
        "components/__init__.py": "",
        "components/common/__init__.py": '"""Shared."""\n',
        "components/common/tool.py": "def tool():\n    '''Doc.'''\n    return 1\n",
        "components/step/__init__.py": "",
        "components/step/stage.py": "def run():\n    from components.common import tool\n    return tool\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(codelock, "SOURCE", tmp_path)
    monkeypatch.chdir(tmp_path)
    codelock._read.cache_clear()
    codelock.write("step", tmp_path / "codelock")
    yield tmp_path
    codelock._read.cache_clear()


def edit(project: Path, old: str, new: str) -> None:
    path = project / "components/common/tool.py"
    path.write_text(path.read_text().replace(old, new))
    codelock._read.cache_clear()


def test_an_import_inside_a_function_counts(project: Path) -> None:
    assert "components.common.tool" in codelock.modules("step")


def test_a_changed_docstring_or_comment_changes_nothing(project: Path) -> None:
    before = codelock.modules("step")
    edit(project, "'''Doc.'''", "'''Another.'''  # why")
    assert codelock.modules("step") == before


def test_a_docstring_of_a_field_or_variable_changes_nothing(project: Path) -> None:
    edit(project, "def tool", "class Config:\n    steps: int\n    rate: float\nSIZE = 3\ndef tool")
    codelock.write("step", project / "codelock")
    edit(project, "steps: int", "steps: int\n    'Updates of the weights.'")
    edit(project, "SIZE = 3", "SIZE = 3\n'In pixels.'")
    assert codelock.write("step", project / "codelock") is False


def test_a_string_that_is_used_is_code(project: Path) -> None:
    edit(project, "return 1", "return 'one'")
    codelock.write("step", project / "codelock")
    edit(project, "'one'", "'two'")
    with pytest.raises(ValueError, match=r"components\.common\.tool"):
        codelock.check("step", project / "codelock")


def test_changed_code_is_refused_by_name_and_with_the_remedy(project: Path) -> None:
    edit(project, "return 1", "return 2")
    with pytest.raises(ValueError, match=r"components\.common\.tool.*videopoet codelock refresh"):
        codelock.check("step", project / "codelock")


def test_a_refresh_mends_it_and_drops_the_locks_of_what_is_gone(project: Path) -> None:
    edit(project, "return 1", "return 2")
    (project / "codelock" / "gone.json").write_text("{}")
    assert codelock.write_all(project / "codelock") == ["step", "gone"]
    codelock.check("step", project / "codelock")


def test_the_reports_copy_of_the_graph_is_kept_in_step(project: Path) -> None:
    (project / "dvc.yaml").write_text("stages: {}\n")
    with pytest.raises(ValueError, match=r"graph\.yaml does not match dvc\.yaml"):
        codelock.check_graph(project / "codelock")
    codelock.write_all(project / "codelock")
    codelock.check_graph(project / "codelock")


def test_a_template_beside_an_imported_module_is_code(project: Path) -> None:
    template = project / "components/common/templates/page.css"
    template.parent.mkdir()
    template.write_text("a {}")
    assert "components/common/templates/page.css" in codelock.modules("step")
    codelock.write("step", project / "codelock")
    template.write_text("b {}")
    with pytest.raises(ValueError, match=r"components/common/templates/page\.css"):
        codelock.check("step", project / "codelock")
