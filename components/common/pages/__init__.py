"""The engine of all static pages: templates over the shared ones, strict names, everything escaped."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components.common.pages import words

SHARED = Path(__file__).parent / "templates"


def environment(templates: Path) -> Environment:
    """The engine for a folder of templates; base.css and the filters of `words` are known to each."""
    made = Environment(
        loader=FileSystemLoader([templates, SHARED]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters |= {
        "number": words.number,
        "quantity": words.quantity,
        "title": words.title,
        "listed": words.listed,
    }
    return made
