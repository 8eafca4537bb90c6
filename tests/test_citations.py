"""Sections, tables and figures of the paper (arXiv 2312.14125) that are cited are in it, and are cited in one form.

The form is `(paper, §4.2)`, with `Table 1` or `Figure 5` behind the section; several sections are joined by "and".
Other works are cited by their names.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAPER = ROOT.parent / "shared" / "paper.txt"
PLACES = (
    *("components/**/*", "flows/**/*", "benchmarks/**/*", "docs/**/*", "k8s/**/*", "tests/**/*", "profiles/**/*.yaml"),
    *("*.yaml", "*.md", "*.toml", "Makefile"),
)
KINDS = {".py", ".md", ".yaml", ".toml", ".jinja", ".css", ".sh", ".json", ""}
FILES = sorted(
    {
        path
        for place in PLACES
        for path in ROOT.glob(place)
        if path.is_file() and path.suffix in KINDS and path != Path(__file__)
    }
)
NUMBER = r"(?:[A-Z]|\d+)(?:\.\d+)*"
SECTION = re.compile(rf"§({NUMBER})?")
DISPLAY = re.compile(r"\b(Table|Fig(?:ure|\.)?)\s+(\d+)")
LOOSE = re.compile(r"\bpaper['’]?s?,?\s+(?:in\s+)?(?:[Ss]ection|[Ss]ec\.|[Aa]ppendix)\s+[A-Z\d]|\b[Ss]ec\.\s*\d")
HEADING = re.compile(rf"^({NUMBER})\.? +[A-Z]", re.M)
CAPTION = re.compile(r"^(Table|Figure) (\d+)\.", re.M)
WHERE = re.compile(r"\bpaper,\s(?:§[\w.]*\w(?:,| and)\s)*$")  # what stands before a citation


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def headings(paper: str) -> set[str]:
    return set(HEADING.findall(paper))


def displays(paper: str) -> set[tuple[str, str]]:
    return set(CAPTION.findall(paper))


def faults(text: str, sections: set[str], shown: set[tuple[str, str]]) -> list[str]:
    """Citations in `text` that are not in the paper, or not in the form."""
    found = [f"`{loose}`: cite as (paper, §4.2)" for loose in LOOSE.findall(text)]
    for match in (*SECTION.finditer(text), *DISPLAY.finditer(text)):
        cited, is_section = match[0], match.re is SECTION
        if not WHERE.search(text, max(0, match.start() - 80), match.start()):
            found.append(f"`{cited}`: cite as (paper, §4.2) or (paper, §5.3, Figure 5)")
        elif (match[1] not in sections) if is_section else ((match[1], match[2]) not in shown):
            found.append(f"`{cited}`: the paper has none")
    return found


@pytest.mark.skipif(not PAPER.is_file(), reason="the paper's text is not beside the checkout")
def test_what_is_cited_of_the_paper_is_in_it() -> None:
    text = PAPER.read_text()
    sections, shown = headings(text), displays(text)
    assert {"3.1", "4.2", "A.3"} <= sections
    wrong = [f"{name(path)}: {fault}" for path in FILES for fault in faults(path.read_text(), sections, shown)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "citation",
    [
        "(paper, §3.9)",
        "(paper, §3.4)",
        "(paper, §B.1)",
        "(paper, §3.1 and §4.7)",
        "(paper, §3.1, Table 9)",
        "(paper, §3.1, Fig. 5)",
        "(Table 1)",
        "the paper's §3.1",
        "DESIGN §4",
        "(paper, § 3.1)",
        "(paper, section 3.1)",
        "the paper, Appendix A.3",
    ],
)
def test_a_citation_that_leads_nowhere_is_found(citation: str) -> None:
    assert faults(f"As cited {citation}: so.", {"3.1", "4.2", "A.3"}, {("Table", "1"), ("Figure", "5")})


@pytest.mark.parametrize(
    "citation",
    [
        "(paper, §3.1)",
        "(paper, §4.2 and §A.3)",
        "(paper, §3.1, Table 1)",
        "(paper, §4.2, Figure 5)",
        "# paper, §A.3: 24 steps",
        "(Raffel et al., 2020, section 3.1.4)",
        "SoundStream, section III-D",
    ],
)
def test_a_citation_in_the_form_passes(citation: str) -> None:
    assert not faults(citation, {"3.1", "4.2", "A.3"}, {("Table", "1"), ("Figure", "5")})


def test_headings_are_told_from_enumerations_and_tables() -> None:
    paper = (
        "4. LLM Pretraining\n4.1. Task Prompt\n- 1. **Painting**\n0.3246\tA score\n5.4.1 Text-to-Video\nA.3. Details\n"
    )
    assert headings(paper) == {"4", "4.1", "5.4.1", "A.3"}


def test_no_file_cites_a_design_that_is_not_in_the_repository() -> None:
    assert not [name(path) for path in FILES if "DESIGN §" in path.read_text()]
