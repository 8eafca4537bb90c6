"""Numbers and names -> words of the page; equal values are equal text on every machine."""

from collections.abc import Sequence


def number(value: float) -> str:
    """About three significant digits, a real minus sign, thousands apart."""
    if value == int(value) and abs(value) < 1e9:
        text = f"{int(value):,}"
    elif abs(value) >= 1000:
        text = f"{value:,.0f}"
    elif abs(value) >= 0.001:
        text = f"{value:.3g}"
    else:
        text = f"{value:.1e}"
    return text.replace(",", "\u202f").replace("-", "−")


def quantity(value: float, unit: str) -> str:
    """A number with its unit; a share is read as per cent."""
    if unit == "share":
        return f"{100 * value:.1f}".removesuffix(".0").replace("-", "−") + "\u202f%"
    return f"{number(value)}\u202f{unit}" if unit else number(value)


def title(name: str) -> str:
    """`image_to_video` -> `Image to video`."""
    return name.replace("_", " ")[:1].upper() + name.replace("_", " ")[1:]


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
