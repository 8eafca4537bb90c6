"""Write the generated tables of README: the profiles, and what the default run reaches.

    python -m documentation.readme                     # from profiles/ and docs/assets/results.json
    python -m documentation.readme --results . ../b    # read the finished runs in these checkouts first

Each table is between two comments that name it. Parameters are counted on models that are built without memory;
time and memory come from benchmarks/results/run.json, so a profile that nobody measured says "not run". Results of
several runs, of other seeds, become mean and standard deviation; one run has its own 95 % intervals.
"""

import json
import re
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from components.audio_tokenizer.model import Model as AudioTokenizer
from components.common import params
from components.language_model.model import Model as LanguageModel
from components.language_model.model import TokenSpec
from components.language_model.sequence import Shape
from components.language_model.vocabulary import Vocabulary
from components.super_resolution.model import Architecture as Enlarging
from components.super_resolution.model import Model as SuperResolution
from components.visual_tokenizer.model import Model as VisualTokenizer
from flows.graph import profiles

ROOT = Path(__file__).parents[1]
README, RESULTS, MEASURED = ROOT / "README.md", ROOT / "docs/assets/results.json", ROOT / "benchmarks/results/run.json"
T5_XL_WIDTH = 2048
PROFILES = {  # for what hardware each is written, and what became of it
    "test": ("2 CPU cores", "run in CI, claims nothing"),
    "tiny": ("2 CPU cores", "run, the default"),
    "small": ("one GPU", "checked, not run"),
    "paper_300m": ("a GPU cluster", "checked, not run"),
    "paper_1b": ("a GPU cluster", "checked, not run"),
    "paper_8b": ("a GPU cluster", "checked; cannot run without sharding"),
}
SCORES = (  # label, task, score; the row adds the score's own chance or baseline, and its ceiling
    ("text-to-video, color", "text_to_video", "color_accuracy"),
    ("text-to-video, motion", "text_to_video", "motion_accuracy"),
    ("the same, combinations never trained on", "text_to_video", "motion_accuracy_unseen"),
    ("image-to-video, motion", "image_to_video", "motion_accuracy"),
    ("inpainting, PSNR where masked", "inpainting", "psnr_where_masked_beside_edge"),
    ("video-to-audio, pitch agreement", "video_to_audio", "pitch_agreement"),
    ("super-resolution ×2, PSNR", "super_resolution", "psnr_x2"),
)
Score = Mapping[str, Any]


def main(checkouts: Sequence[Path]) -> None:
    """Write both tables into README."""
    if checkouts:
        RESULTS.write_text(json.dumps(collected(checkouts), indent=2, ensure_ascii=False) + "\n")
    text = README.read_text()
    for name, table in (("profiles", profile_table()), ("results", results(json.loads(RESULTS.read_text())))):
        text = replaced(text, name, table)
    README.write_text(text)


def replaced(text: str, name: str, table: str) -> str:
    """Put a table between its two comments; raises ValueError if they are not there."""
    begin, end = f"<!-- {name}: written by `make readme` -->\n", f"<!-- /{name} -->"
    if begin not in text or end not in text:
        raise ValueError(f"README.md lacks the comments around {name}: {begin.strip()} {end}")
    head, _, rest = text.partition(begin)
    return f"{head}{begin}{table}\n{end}{rest.partition(end)[2]}"


def profile_table() -> str:
    """Return the table of profiles."""
    measured = json.loads(MEASURED.read_text())["results"]
    lines = [
        "| profile | language model | tokenizers | super-resolution | data | hardware | time, memory | status |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, (hardware, status) in PROFILES.items():
        values = profiles.read(name, ROOT / profiles.FOLDER)
        counts = " | ".join(short(count) for count in parameters(values))
        lines.append(
            f"| `{name}` | {counts} | {trained_on(values)} | {hardware} | {taken(measured, name)} | {status} |"
        )
    return "\n".join(lines)


def parameters(values: Mapping[str, Any]) -> tuple[int, int, int]:
    """Numbers of parameters: of the language model, of both tokenizers, of both stages of super-resolution."""
    visual = params.build("visual_tokenizer", "visual_tokenizer.video", values)
    audio = params.build("audio_tokenizer", "audio_tokenizer", values)
    text = params.build("text_encoder", "text_encoder", values)
    text_width = text.train.width if text.kind == "train" else T5_XL_WIDTH
    formats, model = visual.formats, params.build("language_model", "language_model.video_heavy", values)
    codes, pairs = visual.architecture, params.build("pretokenize", "pretokenize", values)
    shapes = {
        fmt.name: Shape(
            fmt.name,
            codes.latent(fmt.frames, fmt.height_px, fmt.width_px),
            formats.samples(fmt.frames) // audio.architecture.hop if fmt.frames > 1 else 0,
        )
        for fmt in formats.all()
    }
    vocabulary = Vocabulary(codes.codebook_bits, audio.architecture.levels, audio.architecture.codebook_size)
    with torch.device("meta"):
        language_model = LanguageModel(
            model.architecture, TokenSpec(vocabulary, text_width, formats.text_tokens, shapes)
        )
        tokenizers = (VisualTokenizer(codes), AudioTokenizer(audio.architecture))
        stages = []
        for name in ("stage1", "stage2"):
            config, large = params.build("super_resolution", f"super_resolution.{name}", values), pairs.hr_format(name)
            known: dict[str, Any] = {
                "bits": codes.codebook_bits,
                "text_width": text_width,
                "grid": codes.latent(large.frames, large.height_px, large.width_px),
            }
            of_config = {one.name: getattr(config, one.name) for one in fields(Enlarging) if hasattr(config, one.name)}
            stages.append(SuperResolution(Enlarging(**of_config | known)))
    return count(language_model), sum(map(count, tokenizers)), sum(map(count, stages))


def count(model: torch.nn.Module) -> int:
    """How many numbers a model learns."""
    return sum(parameter.numel() for parameter in model.parameters())


def short(number: int) -> str:
    """Two digits or more: 1.2 M, 851 M, 10.3 B."""
    size, unit = next((size, unit) for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")) if number >= size)
    return f"{number / size:.{1 if number < 100 * size else 0}f} {unit}"


def trained_on(values: Mapping[str, Any]) -> str:
    """Return the data of a profile: the rendered corpus of a profile, or your own media."""
    videos, images = values["corpus"]["videos"], values["corpus"]["images"]
    return f"{videos:,} videos, {images:,} images, rendered" if videos else "your media"


def taken(measured: Sequence[Mapping[str, Any]], profile: str) -> str:
    """Return the last measured time and memory of a profile, "not run" if there is none."""
    found: dict[str, str] = {}
    for result in reversed(measured):
        if result["claim"].startswith(f"profile {profile}, "):
            found[result["claim"].partition(", ")[2]] = _amount(result["values"][0], result["unit"])
    parts = (found.get("wall time without setting up"), found.get("memory of the largest stage"))
    return ", ".join(part for part in parts if part) or "not run"


def _amount(value: float, unit: str) -> str:
    return f"{value / 60:.0f} min" if unit == "s" else f"{value:.2g} {unit}"


def collected(checkouts: Sequence[Path]) -> dict[str, Any]:
    """Collect README's figures of finished runs: scores, and figures of the tokenizer."""
    runs = []
    for root in checkouts:
        scores = {
            (one["task"], plain(one["name"])): one for one in json.loads((root / "metrics/scores.json").read_text())
        }
        tokenizer = json.loads((root / "models/visual_tokenizer_video/metrics.json").read_text())
        runs.append(
            {
                "scores": [dict(scores[task, name]) | {"name": name} for _, task, name in SCORES],
                "tokenizer": {key: value for key, value in tokenizer.items() if "psnr_db" in key},
            }
        )
    return {"date": datetime.now(UTC).date().isoformat(), "profile": "tiny", "runs": runs}


def plain(name: str) -> str:
    """Return a score's name without the network that measured it."""
    return re.sub(r"\[.*\]", "", name)


def results(found: Mapping[str, Any]) -> str:
    """Return the table of results with the sentence above it."""
    runs: list[Mapping[str, Any]] = found["runs"]
    spread = (
        f"Mean ± standard deviation of {len(runs)} runs with different seeds"
        if len(runs) > 1
        else "One run of one seed; 95 % bootstrap intervals over its samples, which say nothing of other seeds"
    )
    lines = [
        f"Profile `{found['profile']}`, {found['date']}. {spread}.",
        "",
        "| task, measure | n | reached | chance or baseline | ceiling |",
        "| --- | --- | --- | --- | --- |",
        _tokenizer([run["tokenizer"] for run in runs]),
    ]
    for place, (words, _, _) in enumerate(SCORES):
        lines.append(f"| {words} | {' | '.join(_cells([run['scores'][place] for run in runs]))} |")
    return "\n".join(lines)


def _tokenizer(figures: Sequence[Mapping[str, float]]) -> str:
    name = next(key for key in figures[0] if key.startswith("psnr_db"))
    reached, trivial = (_values([one[f"{kind}{name}"] for one in figures], "dB") for kind in ("", "mean_frame_"))
    return f"| visual tokenizer, PSNR | held-out clips | {reached} | mean frame {trivial} | – |"


def _cells(same: Sequence[Score]) -> Iterator[str]:
    first = same[0]
    unit = first["unit"]
    yield str(first["n"])
    reached = _values([one["value"] for one in same], unit)
    if len(same) == 1 and first["low"] is not None:
        low, high = (_number(first[side], unit) for side in ("low", "high"))
        reached = f"{reached} [{low}, {high}]"
    yield reached
    beside = {"chance": "chance", "baseline": first["baseline_name"]}
    found = [
        f"{words} {_values([one[key] for one in same], unit)}"
        for key, words in beside.items()
        if first[key] is not None
    ]
    yield ", ".join(found) or "–"
    ceilings = [one["reconstruction_ceiling"] for one in same]
    yield "–" if None in ceilings else _values(ceilings, unit)


def _values(values: Sequence[float], unit: str) -> str:
    mean = _number(statistics.fmean(values), unit)
    spread = f" ± {_number(statistics.stdev(values), unit)}" if len(values) > 1 else ""
    return f"{mean}{spread}{' %' if unit == 'share' else f' {unit}' if unit else ''}"


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.0f}" if unit == "share" else f"{value:.1f}" if unit == "dB" else f"{value:.2f}"


if __name__ == "__main__":
    main([Path(word) for word in sys.argv[1:] if word != "--results"])
