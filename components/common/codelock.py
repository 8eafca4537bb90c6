"""codelock/<component>.json: the code of a stage as an input.

Each module that a component's stage imports -> hash of its syntax tree without docstrings, those of fields included
(comments are not in it), so that a changed docstring re-runs nothing and a plan can name the module that changed. Found
by reading the source, not by importing it: an import inside a function counts. Templates are code too: those beside an
imported module are in it.
"""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

from components.common.artifacts import hash_file, replace_file

SOURCE = Path(__file__).parents[2]
FOLDER = Path("codelock")
DVC, GRAPH = Path("dvc.yaml"), "graph.yaml"  # DVC takes no file of its own as a dependency: the report gets a copy
REFRESH = "videopoet codelock refresh"


def components() -> list[str]:
    """Names of every component, which is every folder with a `stage.py`."""
    return sorted(path.parent.name for path in (SOURCE / "components").glob("*/stage.py"))


def modules(component: str, module: str = "stage") -> dict[str, str]:
    """Return module or template -> hash, for an entry point of `component` and all of the project that it imports."""
    found: dict[str, str] = {}
    waiting = [f"components.{component}.{module}"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name], imported = _read(name)
            waiting += imported
    folders = {file.parent for file in map(_file, found) if file}
    for template in (path for folder in folders for path in folder.glob("templates/*") if path.is_file()):
        found[template.relative_to(SOURCE).as_posix()] = hash_file(template)[:16]
    return {name: found[name] for name in sorted(found)}


def write(component: str, folder: Path = FOLDER) -> bool:
    """Bring codelock/<component>.json up to date; True if it changed."""
    folder.mkdir(exist_ok=True)
    path, content = folder / f"{component}.json", json.dumps(modules(component), indent=1) + "\n"
    if path.is_file() and path.read_text() == content:
        return False
    replace_file(path, content.encode())
    return True


def write_all(folder: Path = FOLDER) -> list[str]:
    """Bring every lock up to date, remove those of components that are gone; returns the names that changed."""
    known = components()
    changed = [name for name in known if write(name, folder)]
    if not _graph_matches(folder):
        replace_file(folder / GRAPH, DVC.read_bytes())
        changed.append(GRAPH)
    for path in sorted(folder.glob("*.json")):
        if path.stem not in known:
            path.unlink()
            changed.append(path.stem)
    return changed


def check(component: str, folder: Path = FOLDER) -> None:
    """Raise ValueError, naming the modules, if the lock does not match the code that would run."""
    path = folder / f"{component}.json"
    locked = json.loads(path.read_text()) if path.is_file() else {}
    actual = modules(component)
    if locked != actual:
        differ = sorted(name for name in {*locked, *actual} if locked.get(name) != actual.get(name))
        raise ValueError(f"{path} does not match the code ({', '.join(differ)}): run `{REFRESH}`")


def check_graph(folder: Path = FOLDER) -> None:
    """Raise ValueError if the copy of dvc.yaml that the report draws is not what dvc.yaml says."""
    if not _graph_matches(folder):
        raise ValueError(f"{folder / GRAPH} does not match {DVC}: run `{REFRESH}`")


def _graph_matches(folder: Path) -> bool:
    copy = folder / GRAPH
    return not DVC.is_file() or (copy.is_file() and copy.read_bytes() == DVC.read_bytes())


@cache
def _read(name: str) -> tuple[str, tuple[str, ...]]:
    path = _file(name)
    assert path is not None, name
    tree = ast.parse(path.read_text(), str(path))
    imported = sorted(_imports(tree, path, name))
    for node in ast.walk(tree):
        for block in ("body", "orelse", "finalbody"):
            if isinstance(statements := getattr(node, block, None), list):
                setattr(node, block, [one for one in statements if not _is_text(one)])
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16], tuple(imported)


def _is_text(statement: ast.stmt) -> bool:
    # a string alone does nothing: a docstring, that of a field or variable included
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _imports(tree: ast.Module, path: Path, name: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            assert node.module is not None
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {found for found in names if found.split(".")[0] == "components"}
    parents = {found.rpartition(".")[0] for found in ours if found.count(".") > 1}
    return {found for found in ours | parents if _file(found) is not None and found != name}


def _file(name: str) -> Path | None:
    path = SOURCE.joinpath(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
