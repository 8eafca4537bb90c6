"""Clips to look at: strips of frames of some that are kept and of some that were dropped for each reason.

The choice depends on a seed and the ids of clips alone, so the same clips are shown as long as they exist.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.common.progress import progress
from components.common.random import seed_of
from components.data_card.config import Config
from components.data_card.data import CardInputs
from components.media import contact_sheets, images
from components.media.arrays import Pixels

FRAMES = 3  # of a video
QUALITY = 82


@dataclass(frozen=True)
class CardClip:
    """A clip on the card: its frames as a data URL, and its caption."""

    clip_id: str
    image: str
    width_px: int
    height_px: int
    caption: str
    detail: str


@dataclass(frozen=True)
class OutcomeSheet:
    """Some of the clips with one outcome: a reason, or "" for what is kept."""

    reason: str
    total: int
    shown: tuple[CardClip, ...]


def sheets(config: Config, inputs: CardInputs) -> list[OutcomeSheet]:
    """Return kept clips first, then those of every reason, the most frequent first."""
    ids, places = inputs.scores["clip_id"].to_pylist(), dict[str, list[int]]()
    for place, reason in enumerate(inputs.reasons):
        places.setdefault(reason, []).append(place)
    twins = {f"of {clip_id}": place for place, clip_id in enumerate(ids)}  # as the filter says of a near-duplicate
    ordered = sorted(places, key=lambda reason: (reason != "", -len(places[reason]), reason))
    chosen = {
        reason: sorted(places[reason], key=lambda place: seed_of(config.seed, ids[place]))[
            : config.dropped_shown if reason else config.kept_shown
        ]
        for reason in ordered
    }
    drawn = progress(
        ((reason, _shown(config, inputs, place, twins)) for reason in ordered for place in chosen[reason]),
        total=sum(map(len, chosen.values())),
        unit="clips",
        label="data card",
    )
    found: dict[str, list[CardClip]] = {reason: [] for reason in ordered}
    for reason, shown in drawn:
        found[reason].append(shown)
    return [OutcomeSheet(reason, len(places[reason]), tuple(found[reason])) for reason in ordered]


def _shown(config: Config, inputs: CardInputs, place: int, twins: Mapping[str, int]) -> CardClip:
    """Draw a clip; a near-duplicate has the clip that is kept instead below it."""
    clip, detail = inputs.arrived[place], inputs.scores["detail"][place].as_py()
    drawn = [place, twins[detail]] if detail in twins else [place]
    rows = [[_frames(config, inputs, each)] for each in drawn]
    sheet_HWC = contact_sheets.contact_sheet(rows, frames=FRAMES, tile_px=config.tile_px)
    content = base64.b64encode(images.encode_jpeg(sheet_HWC, quality=QUALITY)).decode()
    return CardClip(
        clip.clip_id,
        f"data:image/jpeg;base64,{content}",
        sheet_HWC.shape[1],
        sheet_HWC.shape[0],
        clip.caption,
        f"below it, the clip that is kept instead: {detail[3:15]}" if detail in twins else detail,
    )


def _frames(config: Config, inputs: CardInputs, place: int) -> Pixels:
    frames = inputs.arrived.table["frames"][place].as_py()
    return inputs.arrived.stored(place, min(frames, config.formats.clip_frames))


def some(config: Config, paths: Sequence[str]) -> list[str]:
    """Choose some of many names in the same way."""
    return sorted(paths, key=lambda path: seed_of(config.seed, path))[: config.dropped_shown]
