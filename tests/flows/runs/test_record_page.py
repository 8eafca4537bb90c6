"""A record's page is whole with and without a report, and shows what is in the record as text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from components.common.pages import RUN_FACTS
from flows.machine.workspace import Workspace
from flows.runs import record_page, run_records
from flows.runs.record_page import Contents

UNSEEN = "text_to_video/motion_accuracy_unseen"
TOOK = {"seconds": 61.25, "cpu_s": 122.0, "peak_bytes": 2_000_000, "bytes": 1_500_000}
RECORD: dict[str, Any] = {
    "run": "0123456789abcdef",
    "recipe": "fedcba9876543210",
    "written": "2026-11-30T22:00:00Z",
    "by": "somebody",
    "source": {"revision": "", "uncommitted": True},
    "numerics": {"processor": "A processor", "torch": "2.13.0"},
    "took": {"seed": TOOK, "left": {}},
    "outputs": {"report": "0" * 32, "data/card": "1" * 32},
    "metrics": {
        "metrics": {
            "text_to_video/motion_accuracy_unseen.judge": 0.5,
            "text_to_video/motion_accuracy_unseen.judge./n": 48,
        }
    },
}


class Page(HTMLParser):
    """Links, frames and text of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.links, self.tags, self.words = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.words += " " if tag in ("td", "th") else ""
        self.links += [value for key, value in attributes if key in ("href", "src")]

    def handle_data(self, data):
        self.words += data


CONTENTS = Contents(
    links={"Report": "report/index.html", "measures.csv": "metrics/measures.csv"}, logs=frozenset({"seed"})
)
DECISION = {
    "decision": "refused",
    "decided": "2026-12-01T00:00:00Z",
    "candidate": "0123456789",
    "champion": "9876543210",
    "verdicts": [
        {"measure": "text_to_video/motion_accuracy", "rule": "not worse", "passed": False, "bound": None}
        | {"candidate": 0.5, "champion": 0.75, "gain": -0.25, "low": -0.3, "high": -0.1},
        {"measure": "text_to_video/motion_accuracy", "rule": "floor", "passed": True, "bound": 0.25}
        | {"candidate": 0.5, "champion": None, "gain": None, "low": None, "high": None},
    ],
}


def html(contents: Contents = CONTENTS, **changes: Any) -> str:
    return record_page.render(RECORD | changes, name="0123456789", contents=contents)


def page(contents: Contents = CONTENTS, **changes: Any) -> Page:
    return Page(html(contents, **changes))


def test_it_says_when_by_whom_and_on_what_the_run_was_made_and_how_to_do_it_again():
    words = page().words
    for found in ("2026-11-30 22:00 UTC", "somebody", "A processor", "no revision", "122 CPU-seconds", "1 min 1 s"):
        assert found in words
    assert "videopoet reproduce 0123456789\n" in words
    assert "videopoet runs diff ANOTHER_RUN 0123456789" in words


def test_metrics_have_readable_names_and_their_number_of_samples():
    text = re.sub(r"\s+", " ", page().words)
    assert "Text to video: Motion accuracy, unseen combinations (by judge) 0.5 48" in text
    assert "./n" not in text


def test_gpu_seconds_are_shown_only_where_there_are_any():
    assert "GPU-seconds" not in page().words
    assert "30 GPU-seconds" in page(took={"seed": TOOK | {"gpu_s": 30.0}}).words
    assert "GPU-seconds" not in page(took={"seed": TOOK | {"gpu_s": 0.0}}).words


def test_without_a_report_nothing_points_at_one():
    assert "report/index.html" in page().links
    found = page(Contents(links={}, logs=frozenset()))
    assert "iframe" not in found.tags
    assert not [link for link in found.links if link.startswith("report")]
    assert "No report" in found.words


def test_only_files_that_are_there_are_linked():
    found = page()
    assert "logs/seed.log" in found.links
    assert "logs/left.log" not in found.links
    assert "metrics/measures.csv" in found.links
    assert "made elsewhere" in found.words


def test_the_decision_of_the_gate_is_shown_with_its_rules():
    assert "not decided" in page().words
    words = re.sub(r"\s+", " ", page(Contents(links={}, logs=frozenset(), decision=DECISION)).words)
    assert "refused at 2026-12-01T00:00:00Z, compared with the champion 9876543210" in words
    assert "not worse than the champion 0.5 0.75 −0.25 [−0.3, −0.1] FAIL" in words
    assert "at or beyond 0.25 0.5" in words


def test_changes_since_the_previous_run_are_shown():
    assert "no earlier run" in page().words
    contents = Contents(links={}, logs=frozenset(), previous="9876543210", changes=["parameter left.value: 1 → 2"])
    words = page(contents).words
    assert "parameter left.value: 1 → 2" in words
    assert "videopoet runs diff 9876543210 0123456789" in words


@pytest.mark.parametrize("key", ["written", "by", "recipe"])
def test_whatever_is_in_a_record_is_shown_as_text(key):
    found = page(**{key: "<script>alert(1)</script>"})
    assert "script" not in found.tags
    assert re.search(r"<script>al", found.words)


def test_it_is_for_phones_and_for_the_dark_too():
    text = html()
    assert 'name="viewport"' in text
    assert "prefers-color-scheme: dark" in text
    assert all("scope=" in head for head in re.findall(r"<th\b[^>]*>", text))


def recorded(workspace: Workspace, run: str, written: str) -> Path:
    """Write a record that holds a report and a data card."""
    folder = workspace.folder("runs") / run[:10]
    for path in ("report/index.html", "data/card/card.html"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(f"<p>before</p>{RUN_FACTS[0]}<p>nothing known</p>{RUN_FACTS[1]}<p>after</p>")
    (folder / "logs").mkdir()
    (folder / "params.yaml").write_text("# Profile `tiny`: the default.\nleft: 1\n")
    known = {"run": run, "written": written, "stages": {}, "made": [], "metrics": {"metrics": {"a": float(run[0])}}}
    (folder / "record.json").write_text(json.dumps(RECORD | known))
    return folder


def test_report_and_card_of_the_record_say_which_run_they_are_of(tmp_path):
    workspace = Workspace(tmp_path)
    folder = recorded(workspace, "1" * 64, "2026-11-30T22:00:00Z")
    for _ in range(2):  # it can be written again
        record_page.write(workspace, folder)
        report = (folder / "report/index.html").read_text()
        assert "nothing known" not in report
        assert '<a href="../index.html" target="_top"><code>1111111111</code></a>' in report
        assert "profile tiny" in report
        assert report.count("CPU-seconds") == 1
        assert 'href="../../index.html"' in (folder / "data/card/card.html").read_text()
    assert "no earlier run" in (folder / run_records.INDEX).read_text()


def test_a_page_written_again_has_the_decision_and_the_difference_to_the_run_before(tmp_path):
    workspace = Workspace(tmp_path)
    recorded(workspace, "1" * 64, "2026-11-30T22:00:00Z")
    recorded(workspace, "3" * 64, "2026-12-02T22:00:00Z")
    folder = recorded(workspace, "2" * 64, "2026-12-01T22:00:00Z")
    for decided, decision in (("2026-12-03", "refused"), ("2026-12-04", "promoted")):
        table = DECISION | {"decision": decision, "decided": decided}
        (workspace.folder("decisions") / f"2222222222-{decision}.json").write_text(json.dumps(table))
    record_page.write(workspace, folder)
    words = Page((folder / run_records.INDEX).read_text()).words
    assert "promoted at 2026-12-04" in re.sub(r"\s+", " ", words)
    assert "metric metrics.a: 1.0 → 2.0" in words
