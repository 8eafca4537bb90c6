"""Numbers and names -> text of the page; equal values give equal text on every machine."""

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


def compact(value: float) -> str:
    """Three significant digits with a unit prefix: `104 k`, `1.2 M`, `8.1 G`."""
    prefixes = ["", "\u202fk", "\u202fM", "\u202fG"]
    while abs(value) >= 999.5 and len(prefixes) > 1:
        value /= 1000
        prefixes.pop(0)
    return number(float(f"{value:.3g}")) + prefixes[0]


def quantity(value: float, unit: str, bare: bool = False) -> str:
    """Return a number with its unit, which `bare` leaves out; a share is shown as per cent."""
    if unit == "share":
        text, unit = f"{100 * value:.1f}".removesuffix(".0").replace("-", "−"), "%"
    else:
        text = number(value)
    return text if bare or not unit else f"{text}\u202f{unit}"


def duration(seconds: float) -> str:
    """Spell out a time: `0.4 s`, `20 min 37 s`, `3 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min".replace(",", "\u202f")


def size(count_bytes: float) -> str:
    """Bytes with the unit that leaves few digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count_bytes < 1000:
            return quantity(float(f"{count_bytes:.3g}"), unit)
        count_bytes /= 1000
    return quantity(float(f"{count_bytes:.3g}"), "TB")


def title(name: str) -> str:
    """`image_to_video` or `image-to-video` -> `Image to video`."""
    words = name.replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]


def listed(parts: Sequence[str]) -> str:
    """Join names: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
