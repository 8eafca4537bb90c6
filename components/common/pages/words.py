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


def quantity(value: float, unit: str, bare: bool = False) -> str:
    """A number with its unit, which `bare` leaves out; a share is read as per cent."""
    if unit == "share":
        text, unit = f"{100 * value:.1f}".removesuffix(".0").replace("-", "−"), "%"
    else:
        text = number(value)
    return text if bare or not unit else f"{text}\u202f{unit}"


def title(name: str) -> str:
    """`image_to_video` or `image-to-video` -> `Image to video`."""
    words = name.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]


def listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
