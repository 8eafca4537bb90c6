"""A record's page is whole with and without a report, and shows what is in the record as text."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from flows.runs import record_page

TOOK = {"seconds": 61.25, "cpu_s": 122.0, "peak_bytes": 2_000_000, "bytes": 1_500_000}
RECORD: dict[str, Any] = {
    "run": "0123456789abcdef",
    "recipe": "fedcba9876543210",
    "written": "2026-11-30T22:00:00Z",
    "by": "somebody",
    "source": {"revision": "", "uncommitted": True},
    "numerics": {"processor": "A processor", "torch": "2.13.0"},
    "took": {"seed": TOOK, "left": {}},
    "metrics": {"metrics/left": {"letters[judge]": 12.3456}},
}


class Page(HTMLParser):
    """Links, frames and text of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.links, self.tags, self.words = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for key, value in attributes if key in ("href", "src")]

    def handle_data(self, data):
        self.words += data


def page(*, has_report: bool = True, **changes: Any) -> Page:
    return Page(
        record_page.render(RECORD | changes, name="0123456789", has_report=has_report, logs=frozenset({"seed"}))
    )


def test_it_says_when_by_whom_and_on_what_the_run_was_made_and_how_to_do_it_again():
    words = page().words
    for found in ("2026-11-30T22:00:00Z", "somebody", "A processor", "no revision", "122 core-seconds"):
        assert found in words
    assert "videopoet reproduce 0123456789\n" in words
    assert "videopoet runs diff 0123456789 " in words
    assert "letters[judge]" in words
    assert "12.35" in words


def test_without_a_report_nothing_points_at_one():
    assert "report/index.html" in page().links
    found = page(has_report=False)
    assert "iframe" not in found.tags
    assert not [link for link in found.links if link.startswith("report")]
    assert "No report" in found.words


def test_only_logs_that_are_there_are_linked():
    found = page()
    assert "logs/seed.log" in found.links
    assert "logs/left.log" not in found.links
    assert "made elsewhere" in found.words


@pytest.mark.parametrize("key", ["written", "by", "recipe"])
def test_whatever_is_in_a_record_is_shown_as_text(key):
    found = page(**{key: "<script>alert(1)</script>"})
    assert "script" not in found.tags
    assert re.search(r"<script>al", found.words)


def test_it_is_for_phones_and_for_the_dark_too():
    html = record_page.render(RECORD, name="0123456789", has_report=False, logs=frozenset())
    assert 'name="viewport"' in html
    assert "prefers-color-scheme: dark" in html
