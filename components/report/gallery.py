"""Samples -> sections of cards, one section a task, super-resolution last.

A card shows the conditioning, the generated clip and the real clip, all at one width: that of the largest where super-
resolution made it (at its true size, smaller versions beside it enlarged), otherwise `base_width_px`.
Cards are picked evenly from all samples, never by how they look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from components.common.formats import Format, Formats
from components.common.pages import formatting
from components.generate.data import Sample
from components.language_model.tasks import SUPER_RESOLUTION
from components.pretokenize.config import Region
from components.report.ops import tasks
from components.report.originals import Original
from components.report.records import Answer, Kind, MediaFile

OPEN_CARDS: Final = {1: 5, 2: 3}  # clips in a card -> cards that are not folded; 2 for larger ones
Subject = tuple[str, str, str, str, int]


@dataclass(frozen=True)
class MediaView:
    """A clip or image in a card: its file, its own size, its size on the page, and its name for screen readers."""

    role: str
    source: str
    kind: Kind
    own_height_px: int
    own_width_px: int
    audio: bool
    width_px: int
    label: str

    @property
    def height_px(self) -> int:
        """Height on the page."""
        return round(self.own_height_px * self.width_px / self.own_width_px)

    @property
    def enlarged(self) -> bool:
        """True if single pixels should stay visible."""
        return self.width_px > self.own_width_px


@dataclass(frozen=True)
class SampleCard:
    """A sample with its conditioning and its real clip: `paths` are files of samples, `originals` are encoded later."""

    sample: Sample
    shown: tuple[MediaView, ...]
    paths: tuple[str, ...]
    originals: tuple[Original, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class TaskSection:
    """A task's cards, out of `total` samples; the cards beyond the first few are folded."""

    name: str
    title: str
    description: str
    total: int
    cards: tuple[SampleCard, ...]

    @property
    def open_cards(self) -> int:
        """Cards that fill about one row of a wide screen."""
        widest = max(len(card.shown) for card in self.cards)
        return OPEN_CARDS.get(widest, 2)


@dataclass(frozen=True)
class Gallery:
    """Maker of cards from samples and the real clips."""

    formats: Formats
    base_width_px: int
    media: Mapping[str, MediaFile]  # by the path that a sample names
    audible: Mapping[str, bool]  # real clip's id -> True if it has audio
    answers: Mapping[str, tuple[Answer, ...]]  # by sample id

    def sections(self, samples: Sequence[Sample], each: int) -> tuple[TaskSection, ...]:
        """Group samples by task, `each` cards at most."""
        found: dict[str, list[list[Sample]]] = {}
        bases = {subject(sample): sample for sample in samples if sample.stage == "base"}
        enlarged: dict[Subject, list[Sample]] = {}
        for sample in samples:
            if sample.stage == SUPER_RESOLUTION:
                key = subject(sample)
                enlarged.setdefault(key, [bases[key]] if key in bases else []).append(sample)
            elif sample.task != SUPER_RESOLUTION:
                found.setdefault(sample.task, []).append([sample])
        if enlarged:
            found[SUPER_RESOLUTION] = list(enlarged.values())
        return tuple(
            TaskSection(
                name,
                formatting.title(name),
                tasks.described(name),
                len(members),
                tuple(self.card(versions) for versions in evenly(members, each)),
            )
            for name, members in sorted(found.items(), key=lambda group: tasks.order(group[0]))
        )

    def card(self, versions: Sequence[Sample]) -> SampleCard:
        """Show one sample, base and enlarged, between what it was given and the real clip."""
        sample = versions[-1]
        fmt = {fmt.name: fmt for fmt in self.formats.all()}[sample.format]
        made = sorted((self.media[version.path] for version in versions), key=lambda media: media.width_px)
        largest_px = made[-1].width_px
        width_px = largest_px if largest_px > fmt.width_px else self.base_width_px
        given = self._given(sample, fmt)
        real = self._real(sample, fmt.scaled(largest_px // fmt.width_px) if largest_px > fmt.width_px else fmt)
        named = f"{formatting.title(sample.task)}: {sample.prompt or sample.sample_id}"
        shown = (
            *(self._original("given", original, width_px, named) for original in given),
            *(self._made(media, fmt, len(made) > 1, width_px, named) for media in made),
            *(self._original("real", original, width_px, named) for original in real),
        )
        return SampleCard(
            sample, shown, tuple(media.name for media in made), given + real, self.answers.get(sample.sample_id, ())
        )

    def _given(self, sample: Sample, fmt: Format) -> tuple[Original, ...]:
        """Return the frames that a task continues, or the clip with its masked region."""
        region: Region | None = next((name for name in get_args(Region) if name == sample.region), None)
        if sample.clip_id not in self.audible or not (sample.given_frames or region):
            return ()
        return (Original(sample.clip_id, fmt, sample.given_frames or fmt.frames, region),)

    def _real(self, sample: Sample, fmt: Format) -> tuple[Original, ...]:
        """Return the real clip, where the sample was made from more of it than its caption."""
        if sample.clip_id not in self.audible or not tasks.takes_media(sample.task):
            return ()
        return (Original(sample.clip_id, fmt, fmt.frames, None),)

    def _made(self, media: MediaFile, fmt: Format, compared: bool, width_px: int, named: str) -> MediaView:
        scale = media.width_px // fmt.width_px
        role = (f"×{scale}" if scale > 1 else "base") if compared else "generated"
        source, size = f"assets/samples/{media.name}", (media.height_px, media.width_px)
        return MediaView(role, source, media.kind, *size, media.audio, width_px, f"{named} ({role})")

    def _original(self, role: str, original: Original, width_px: int, named: str) -> MediaView:
        is_audible = original.is_complete and original.kind == "video" and self.audible[original.clip_id]
        source, size = f"assets/originals/{original.name}", (original.fmt.height_px, original.fmt.width_px)
        return MediaView(role, source, original.kind, *size, is_audible, width_px, f"{named} ({role})")


def subject(sample: Sample) -> Subject:
    """Key that the base and the super-resolved versions of one clip share."""
    return sample.task, sample.format, sample.prompt, sample.clip_id, sample.seed


def evenly(members: Sequence[list[Sample]], wanted: int) -> list[list[Sample]]:
    """Pick `wanted` at equal distances, the first and the last among them."""
    if len(members) <= wanted:
        return list(members)
    return [members[number * (len(members) - 1) // max(1, wanted - 1)] for number in range(wanted)]
