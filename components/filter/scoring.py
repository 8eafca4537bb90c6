"""A clip -> its scores and its fingerprint, decoded once; clips side by side have the same numbers.

Public networks are loaded only where a rule asks for one. What a look gives is kept between runs, as long as this
module and all that it imports stay as they are: so nothing here compares clips, and nothing reads a limit.
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
from components.filter.rules import Scores

if TYPE_CHECKING:
    from components.filter.models import Clip, Labels  # torch is seconds to import

Judged = tuple[dict[str, float | str], float | None]  # scores by name, and the probability of the attribute
Judge = Callable[[data.Pixels, str], Judged]  # of stills (S, H, W, C) and a caption


@dataclass(frozen=True)
class Seen:
    """What a look at one clip gives, whatever the limits and the other clips are."""

    source_sha256: str  # of the file that the clip is from
    scores: Scores  # without what captions are counted for; the attribute is the likeliest label
    sureness: float | None  # probability of the attribute
    fingerprint: data.Pixels  # B


def look(config: Config, clips: data.Clips, place: int, judge: Judge) -> Seen:
    """Decode one clip and measure it."""
    clip, frames_THWC = clips[place], _frames(config, clips, place)
    seen = asdict(measures.look(frames_THWC, config.formats.fps))
    said = {"language": captions.language(clip.caption)} if clip.caption.strip() else {}
    judged, sureness = judge(measures.stills(frames_THWC), clip.caption)
    still = {"speed": None, "jitter": None} if clip.kind == "image" else {}
    moved = {} if clip.kind == "image" else {"duration_s": clip.end_s - clip.start_s, "motion": clip.motion}
    side_px = min(clip.height_px, clip.width_px)
    scores = Scores(**{"side_px": side_px, **moved, **seen, **still, **said, **judged})
    return Seen(clip.source_sha256, scores, sureness, duplicates.fingerprint(frames_THWC))


def fingerprints(config: Config, clips: data.Clips, places: Sequence[int]) -> data.Pixels:
    """Fingerprints alone, of some clips."""

    def one(place: int) -> data.Pixels:
        return duplicates.fingerprint(_frames(config, clips, place))

    with ThreadPoolExecutor(config.threads) as pool:
        prints = progress(pool.map(one, places), total=len(places), unit="clips", label="known clips")
        return mapped.stacked(prints, len(places), duplicates.FINGERPRINT_BYTES)


def judge_of(config: Config, pretrained: Path) -> Judge:
    """What the networks of the rules and of the balance say; raises ValueError if one was not fetched."""
    clip, (aesthetic, unsafe, attribute) = _clip(config, pretrained), _classifiers(config, pretrained)

    def judge(stills_SHWC: data.Pixels, caption: str) -> Judged:
        judged: dict[str, float | str] = {}
        sureness = None
        if clip and caption.strip():
            judged["match"] = clip.similarity(stills_SHWC, caption)
        if aesthetic:
            judged["aesthetic"] = max(aesthetic.probabilities(stills_SHWC))
        if unsafe:
            judged["unsafe"] = max(unsafe.probabilities(stills_SHWC))
        if attribute:
            judged["attribute"], sureness = attribute.likeliest(stills_SHWC)
        return judged, sureness

    return judge


def _clip(config: Config, pretrained: Path) -> Clip | None:
    if not config.match.model:
        return None
    folder = _weights(pretrained, config.match.model)
    from components.filter import models

    return models.Clip(folder)


def _classifiers(config: Config, pretrained: Path) -> list[Labels | None]:
    chosen: list[Labels | None] = []
    for rule in (config.aesthetic, config.unsafe, config.balance.attribute):
        folder = _weights(pretrained, rule.model) if rule.model else None
        if folder:
            from components.filter import models

            chosen.append(models.Labels(folder, rule.labels))
        else:
            chosen.append(None)
    return chosen


def _weights(pretrained: Path, name: str) -> Path:
    folder = pretrained / name
    if not (folder / "config.json").is_file():
        raise ValueError(f"filter needs `{name}`, which was not fetched: add it to pretrained.models")
    return folder


def _frames(config: Config, clips: data.Clips, place: int) -> data.Pixels:
    return clips.stored(place, min(clips.table["frames"][place].as_py(), config.formats.clip_frames))
