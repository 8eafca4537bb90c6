"""A run's record -> the page around its report: when, by whom and on what, metrics, what each stage took.

It opens without a server, and is whole without a report. Everything in it is escaped.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.common.pages import environment

TEMPLATES = Path(__file__).parent / "templates"
SIZES = ("peak_bytes", "read_bytes", "written_bytes", "bytes")


def render(record: Mapping[str, Any], *, name: str, has_report: bool, logs: frozenset[str]) -> str:
    """HTML of the record called `name`, which lies beside it; `logs` are the stages with a file logs/<stage>.log."""
    took = record["took"]
    rows = [{"name": stage, "cells": _cells(note), "has_log": stage in logs} for stage, note in took.items()]
    return (
        environment(TEMPLATES)
        .get_template("record.html.jinja")
        .render(
            name=name,
            record=record,
            rows=rows,
            seconds=sum(note.get("seconds", 0) for note in took.values()),
            cpu_s=sum(note.get("cpu_s", 0) for note in took.values()),
            has_report=has_report,
        )
    )


def _cells(note: Mapping[str, Any]) -> list[str]:
    """Time and size of a stage in words, empty where nobody knows."""
    return [
        f"{note['seconds']:,.1f}" if note else "made elsewhere",
        f"{note['cpu_s']:,.1f}" if note else "",
        f"{note['gpu_s']:,.1f}" if "gpu_s" in note else "",
        *(f"{note[key] / 1e6:,.2f} MB" if key in note else "" for key in SIZES),
    ]
