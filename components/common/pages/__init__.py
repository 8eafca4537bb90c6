"""Template engine of all static pages: templates over the shared ones, strict names, everything escaped.

A page of an output holds no run, date or cost. Where one may be shown it has a placeholder between `RUN_FACTS`; the
copy in a run's record has the record's facts there.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.common.pages import formatting

SHARED = Path(__file__).parent / "templates"
RUN_FACTS = ("<!-- run facts -->", "<!-- end of run facts -->")


def environment(templates: Path) -> Environment:
    """Return the engine for a folder of templates, with base.css and the filters of `formatting`."""
    made = Environment(
        loader=FileSystemLoader([templates, SHARED]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters |= {
        "number": formatting.number,
        "compact": formatting.compact,
        "quantity": formatting.quantity,
        "duration": formatting.duration,
        "size": formatting.size,
        "title": formatting.title,
        "listed": formatting.listed,
    }
    return made


def with_run_facts(html: str, facts: str) -> str:
    """Put `facts`, which must be escaped, in place of a page's placeholder, if it has one."""
    start, end = RUN_FACTS
    before, found, rest = html.partition(start)
    _, closed, after = rest.partition(end)
    return f"{before}{start}{facts}{end}{after}" if found and closed else html
