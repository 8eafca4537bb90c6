"""Held-out real clips under the judge's eye: the ceilings of every measure that the judge makes.

Taken in the order of their ids, which are hashes, so a limit takes a fair part of them.
"""

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from torch import Tensor

from components.common.formats import Format
from components.evaluate.config import Config
from components.evaluate.data import Media
from components.evaluate.judged import Baseline, Real, described
from components.evaluate.ops import Pixels
from components.evaluate.truth import Truth
from components.filter import baseline_clips
from components.filter.data import Clip, Clips
from components.judge.model import Judge


class Reality:
    """Real clips in the shape of a format, after the video codec; of long ones, what a short one shows."""

    def __init__(self, config: Config, clips: Clips, truth: Truth, media: Media, judge: Judge):
        self.config, self.truth, self.media, self.judge = config, truth, media, judge
        self._clips = sorted(clips, key=lambda clip: clip.clip_id)
        self._trained = {
            self._combination(clip) for clip in baseline_clips.clips(clips.folder) if clip.split == "train"
        }
        self.of, self.trained, self.still = cache(self._of), cache(self._trained_features), cache(self._still)

    def _of(self, fmt: Format) -> Real | None:
        """Held-out clips, as they are and reconstructed; None if there are fewer than two."""
        clips = self._chosen(fmt, "heldout")
        if len(clips) < 2:
            return None
        return Real(
            [clip.attributes for clip in clips],
            [clip.caption for clip in clips],
            [self._combination(clip) not in self._trained for clip in clips],
            self._described(self.truth.pixels(clip.clip_id, fmt) for clip in clips),
            self._described(self.truth.reconstruction(clip.clip_id, fmt) for clip in clips),
        )

    def _trained_features(self, fmt: Format) -> Baseline | None:
        """Clips of the train split, as many as held-out ones."""
        count = len(self._chosen(fmt, "heldout"))
        clips = self._chosen(fmt, "train")[:count]
        frames = (self.truth.pixels(clip.clip_id, fmt) for clip in clips)
        return Baseline("real clips of the train split", self._described(frames)) if len(clips) > 1 else None

    def _still(self, fmt: Format) -> Baseline | None:
        """Held-out clips that hold their first frame; None for pictures."""

        def held() -> Iterator[Pixels]:
            for clip in self._chosen(fmt, "heldout"):
                pixels = self.truth.pixels(clip.clip_id, fmt)
                yield np.broadcast_to(pixels[:1], pixels.shape)

        return Baseline("real clips that stand still", self._described(held())) if fmt.frames > 1 else None

    def _described(self, clips: Iterable[Pixels]) -> Tensor:
        return described(self.judge, map(self.media.shown, clips))

    def _chosen(self, fmt: Format, split: str) -> list[Clip]:
        orientation = "portrait" if fmt.name.endswith("_portrait") else "square"
        fits = (
            clip
            for clip in self._clips
            if clip.split == split and clip.orientation == orientation and (clip.frames > 1) == (fmt.frames > 1)
        )
        return list(fits)[: self.config.heldout_clips]

    def _combination(self, clip: Clip) -> tuple[tuple[str, str], ...]:
        """What the judge knows of the clip's attributes."""
        return tuple(sorted((name, value) for name, value in clip.attributes.items() if name in self.judge.values))
