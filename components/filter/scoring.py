"""One clip -> its scores and its fingerprint, from a single decoding.

Public networks are loaded only where a rule needs one. Measurements are cached between runs until this module, or one
that it imports, changes: so nothing here compares clips, and nothing reads a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.progress import progress
from components.filter import captions, data, duplicates, mapped, measures
from components.filter.config import Config
from components.filter.rules import ClipScores
from components.media.arrays import Pixels

if TYPE_CHECKING:
    from components.filter.models import ClipModel, ImageClassifier  # importing torch takes seconds

ContentScores = tuple[dict[str, float | str], float | None]  # scores by name, and the probability of the attribute
ContentClassifiers = Callable[[Pixels, str], ContentScores]  # of stills (S, H, W, C) and a caption


@dataclass(frozen=True)
class Measurement:
    """Result of measuring one clip; it depends on neither the limits nor other clips."""

    source_sha256: str  # of the source file
    scores: ClipScores  # without the comparison of captions; the attribute is the most likely label
    confidence: float | None  # probability of the attribute
    fingerprint: Pixels  # B


def measure(config: Config, clips: data.Clips, index: int, classify: ContentClassifiers) -> Measurement:
    """Decode one clip and measure it."""
    clip, frames_THWC = clips[index], _frames(config, clips, index)
    visual = asdict(measures.measure_frames(frames_THWC, config.formats.fps))
    text = {"language": captions.language(clip.caption)} if clip.caption.strip() else {}
    content, confidence = classify(measures.stills(frames_THWC), clip.caption)
    unmoving = {"speed": None, "jitter": None} if clip.kind == "image" else {}
    moving = {} if clip.kind == "image" else {"duration_s": clip.end_s - clip.start_s, "motion": clip.motion}
    side_px = min(clip.height_px, clip.width_px)
    scores = ClipScores(**{"side_px": side_px, **moving, **visual, **unmoving, **text, **content})
    return Measurement(clip.source_sha256, scores, confidence, duplicates.fingerprint(frames_THWC))


def fingerprints(config: Config, clips: data.Clips, indices: Sequence[int]) -> Pixels:
    """Return the fingerprints (N, B) of the clips at `indices`."""

    def one(index: int) -> Pixels:
        return duplicates.fingerprint(_frames(config, clips, index))

    with ThreadPoolExecutor(config.threads) as pool:
        prints = progress(pool.map(one, indices), total=len(indices), unit="clips", label="baseline clips")
        return mapped.stacked(prints, len(indices), duplicates.FINGERPRINT_BYTES)


def load_classifiers(config: Config, pretrained: Path) -> ContentClassifiers:
    """Load the networks that the rules and the balancing need; raises ValueError if one was not fetched."""
    clip_model, (aesthetic, unsafe, attribute) = _clip_model(config, pretrained), _classifiers(config, pretrained)

    def classify(stills_SHWC: Pixels, caption: str) -> ContentScores:
        content: dict[str, float | str] = {}
        confidence = None
        if clip_model and caption.strip():
            content["clip_score"] = clip_model.similarity(stills_SHWC, caption)
        if aesthetic:
            content["aesthetic"] = max(aesthetic.probabilities(stills_SHWC))
        if unsafe:
            content["unsafe"] = max(unsafe.probabilities(stills_SHWC))
        if attribute:
            content["attribute"], confidence = attribute.likeliest(stills_SHWC)
        return content, confidence

    return classify


def _clip_model(config: Config, pretrained: Path) -> ClipModel | None:
    if not config.clip_score.model:
        return None
    folder = _weights(pretrained, config.clip_score.model)
    from components.filter import models

    return models.ClipModel(folder)


def _classifiers(config: Config, pretrained: Path) -> list[ImageClassifier | None]:
    loaded: list[ImageClassifier | None] = []
    for rule in (config.aesthetic, config.unsafe, config.balance.attribute):
        folder = _weights(pretrained, rule.model) if rule.model else None
        if folder:
            from components.filter import models

            loaded.append(models.ImageClassifier(folder, rule.labels))
        else:
            loaded.append(None)
    return loaded


def _weights(pretrained: Path, name: str) -> Path:
    folder = pretrained / name
    if not (folder / "config.json").is_file():
        raise ValueError(f"filter needs `{name}`, which was not fetched: add it to pretrained.models")
    return folder


def _frames(config: Config, clips: data.Clips, index: int) -> Pixels:
    return clips.stored(index, min(clips.table["frames"][index].as_py(), config.formats.clip_frames))
