"""Names of scores and metrics -> text for readers.

`color_accuracy_unseen[local-judge]` is the measure "Color accuracy", its variant "unseen combinations" and the
instrument "local-judge". A name that is not known here is shown with its underscores as spaces.
"""

import re
from dataclasses import dataclass
from typing import Final

# Endings that say on which samples, or against which baseline, a measure was taken.
VARIANTS: Final = {
    "unseen": "unseen combinations",
    "portrait": "portrait clips",
    "long": "long clips",
    "x2": "super-resolved ×2",
    "x4": "super-resolved ×4",
    "beside_edge": "against edge fill",
    "beside_true_pixels": "against the true pixels, enlarged",
}
PRIMARY: Final = ("unseen", "x2", "x4")  # variants that answer a question of their own
SIZES: Final = ("x2", "x4")  # secondary wherever the task is not super-resolution itself
PHRASES: Final = {
    "where it moves": "where it moves",
    "where masked": "in the masked region",
    "mel l1": "log-mel distance",
    "mel correlation": "log-mel correlation",
}
WORDS: Final = {"psnr": "PSNR", "frechet": "Fréchet", "fvd": "FVD", "l1": "L1", "db": "(dB)", "heldout": "held-out"}
INSTRUMENT = re.compile(r"\[([^\]]+)\]$")


@dataclass(frozen=True)
class MeasureName:
    """A measure in words; `variants` and `instrument` are empty where there are none."""

    title: str
    variants: tuple[str, ...]
    instrument: str
    secondary: bool


def measure_name(name: str, task: str) -> MeasureName:
    """Split and spell out the name of a score of `task`."""
    found = INSTRUMENT.search(name)
    stem, keys = INSTRUMENT.sub("", name), list[str]()
    while ending := next((key for key in VARIANTS if stem.endswith(f"_{key}")), None):
        keys.insert(0, ending)
        stem = stem.removesuffix(f"_{ending}")
    secondary = any(key not in PRIMARY or (key in SIZES and task != "super_resolution") for key in keys)
    return MeasureName(readable(stem), tuple(VARIANTS[key] for key in keys), found.group(1) if found else "", secondary)


def readable(name: str) -> str:
    """Spell out the name of a metric: `heldout_loss.text-to-video` -> `Held-out loss: text to video`."""
    text = INSTRUMENT.sub("", name).replace(".", ": ").replace("_", " ").replace("-", " ")
    for phrase, words in PHRASES.items():
        text = text.replace(phrase, words)
    text = " ".join(WORDS.get(word, word) for word in text.split())
    return text[:1].upper() + text[1:]
