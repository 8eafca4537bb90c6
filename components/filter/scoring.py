"""Clips -> their scores and fingerprints, each decoded once; clips side by side, with the same numbers.

Public networks are loaded only where a rule asks for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from components.common.progress import progress
from components.filter import captions, data, duplicates, mapped, measures
from components.filter.config import Config
from components.filter.rules import Scores

if TYPE_CHECKING:
    from components.filter.models import Clip, Labels  # torch is seconds to import

Made = TypeVar("Made")
Judged = dict[str, float | str | None]
Judge = Callable[[data.Pixels, str], Judged]  # stills (S, H, W, C) and a caption -> scores by name


def scores(config: Config, clips: data.Clips, places: Sequence[int], judge: Judge) -> tuple[list[Scores], data.Pixels]:
    """Scores and fingerprints of some clips, in their order; captions are compared within all of them."""
    known = list(clips)
    wordings = captions.wordings((known[place].caption, known[place].source_sha256) for place in places)

    def one(place: int) -> tuple[Scores, data.Pixels]:
        clip = known[place]
        frames_THWC = _frames(config, clips, place)
        look = asdict(measures.look(frames_THWC, config.formats.fps))
        said = asdict(wordings[clip.caption]) if clip.caption in wordings else {}
        judged = judge(measures.stills(frames_THWC), clip.caption)
        still = {"speed": None, "jitter": None} if clip.kind == "image" else {}
        moved = {} if clip.kind == "image" else {"duration_s": clip.end_s - clip.start_s, "motion": clip.motion}
        side_px = min(clip.height_px, clip.width_px)
        return Scores(**{"side_px": side_px, **moved, **look, **still, **said, **judged}), duplicates.fingerprint(
            frames_THWC
        )

    found: list[Scores] = []

    def prints() -> Iterator[data.Pixels]:
        for score, print_B in _side_by_side(config, one, places, "filter"):
            found.append(score)
            yield print_B

    return found, mapped.stacked(prints(), len(places), duplicates.FINGERPRINT_BYTES)


def fingerprints(config: Config, clips: data.Clips, places: Sequence[int]) -> data.Pixels:
    """Fingerprints alone, of some clips."""

    def one(place: int) -> data.Pixels:
        return duplicates.fingerprint(_frames(config, clips, place))

    prints = _side_by_side(config, one, places, "known clips")
    return mapped.stacked(prints, len(places), duplicates.FINGERPRINT_BYTES)


def judge_of(config: Config, pretrained: Path) -> Judge:
    """What the networks of the rules and of the balance say; raises ValueError if one was not fetched."""
    clip, (aesthetic, unsafe, attribute) = _clip(config, pretrained), _classifiers(config, pretrained)

    def judge(stills_SHWC: data.Pixels, caption: str) -> Judged:
        judged: Judged = {}
        if clip and caption.strip():
            judged["match"] = clip.similarity(stills_SHWC, caption)
        if aesthetic:
            judged["aesthetic"] = max(aesthetic.probabilities(stills_SHWC))
        if unsafe:
            judged["unsafe"] = max(unsafe.probabilities(stills_SHWC))
        if attribute:
            label, probability = attribute.likeliest(stills_SHWC)
            judged["attribute"] = label if probability >= config.balance.attribute.min_probability else None
        return judged

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


def _side_by_side(config: Config, one: Callable[[int], Made], places: Sequence[int], label: str) -> Iterator[Made]:
    with ThreadPoolExecutor(config.threads) as pool:
        yield from progress(pool.map(one, places), total=len(places), unit="clips", label=label)
