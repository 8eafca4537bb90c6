"""Colors of all pages can be read: contrast of at least 4.5 between text and every surface, by day and by night."""

import re

import pytest

from components.common.pages import SHARED, with_run_facts

CSS = (SHARED / "base.css").read_text()
LIGHT, DARK = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in CSS.split("@media", 2)[:2])
PAIRS = [(text, ground) for text in ("ink", "soft", "accent", "teal", "lost") for ground in ("paper", "card")]
PAIRS += [("soft", "wash"), ("ink", "wash"), ("amber", "other"), ("amber", "card"), ("paper", "accent")]
PAIRS += [("ink", ground) for ground in ("data", "models", "other")]


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    shares = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_has_contrast(colors: dict[str, str], text: str, ground: str) -> None:
    bright, dim = sorted((luminance(colors[text]), luminance(colors[ground])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5


def test_a_page_without_a_placeholder_is_left_as_it_is() -> None:
    assert with_run_facts("<p>plain</p>", "facts") == "<p>plain</p>"
