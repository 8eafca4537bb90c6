"""docs/ and the pages of the root -> the sources of the site, where every link stays inside of it.

A link from a page to a file of the repository is right where the repository is browsed, and would be dead in the site:
there its text stays, as code. Links to CHANGELOG.md, CONTRIBUTING.md and SECURITY.md lead to their pages.
"""

import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FROM_ROOT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
LINK = re.compile(r"(?<!\!)\[(?P<text>[^\]]+)\]\((?P<target>(?!https?:|mailto:|#)[^)#]+)(?P<anchor>#[^)]*)?\)")
SITE = "zensical.toml"


def stage(root: Path, folder: Path) -> int:
    """Write the sources of the site to `folder`, with llms.txt; return the number of pages."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / "docs", folder)
    for name, page in FROM_ROOT.items():
        shutil.copyfile(root / name, folder / page)
    for path in (pages := sorted(folder.rglob("*.md"))):
        at = str(path.relative_to(folder))
        origin = {page: name for name, page in FROM_ROOT.items()}.get(at, f"docs/{at}")
        path.write_text(rewritten(path.read_text(), origin, at))
    (folder / "llms.txt").write_text(llms(root, folder))
    return len(pages)


def rewritten(text: str, origin: str, at: str) -> str:
    """Return the text of the page `origin` of the repository, with links as they must be `at` a path of the site."""

    def link(found: re.Match[str]) -> str:
        target = os.path.normpath(Path(origin).parent / found["target"])
        inside = FROM_ROOT.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else "")
        if not inside:
            return found["text"] if found["text"].startswith("`") else f"{found['text']} (`{target}`)"
        return f"[{found['text']}]({os.path.relpath(inside, Path(at).parent)}{found['anchor'] or ''})"

    return LINK.sub(link, text)


def navigation(root: Path) -> Iterator[tuple[str, str]]:
    """Yield (section, page) of the site's navigation, in order."""

    def walk(entries: list[Any], section: str) -> Iterator[tuple[str, str]]:
        for entry in entries:
            for title, value in entry.items() if isinstance(entry, dict) else [("", entry)]:
                yield from walk(value, title) if isinstance(value, list) else [(section, value)]

    yield from walk(tomllib.loads((root / SITE).read_text())["project"]["nav"], "")


def llms(root: Path, folder: Path) -> str:
    """Return llms.txt: the project in a sentence, then every page by section with its title and first sentence."""
    project, section = tomllib.loads((root / SITE).read_text())["project"], None
    lines = [f"# {project['site_name']}", "", f"> {project['site_description']}"]
    for of, page in navigation(root):
        if of != section:
            lines, section = [*lines, "", f"## {of or 'Start'}", ""], of
        title, _, text = re.sub(r"```.*?```|<!--.*?-->", "", (folder / page).read_text(), flags=re.S).partition("\n")
        paragraph = next((part for part in re.split(r"\n{2,}", text.strip()) if re.match(r"[`\w]", part)), "")
        sentence = re.split(r"(?<=[.!?])\s", paragraph.replace("\n", " "), maxsplit=1)[0]
        lines.append(f"- [{title.lstrip('# ')}]({page}): {sentence}".rstrip(": "))
    return "\n".join(lines) + "\n"
