"""Judge features of held-out real clips: the ceilings of every measure of the judge.

Clips are taken in the order of their ids, which are hashes, so a limit takes a random part of them.
"""

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from torch import Tensor

from components.common.formats import Format
from components.evaluate.config import Config
from components.evaluate.data import SampleMedia
from components.evaluate.judge_metrics import Baseline, ReferenceFeatures, features_of
from components.evaluate.reference_clips import ReferenceClips
from components.filter import baseline_clips
from components.filter.combinations import TrainedCombinations
from components.filter.data import Clip, Clips
from components.judge.model import Judge
from components.media.arrays import Pixels


class RealReference:
    """Real clips in a format, after the video codec; of long ones, the frames of a usual clip."""

    def __init__(self, config: Config, clips: Clips, references: ReferenceClips, media: SampleMedia, judge: Judge):
        self.config, self.references, self.media, self.judge = config, references, media, judge
        self._clips = sorted(clips, key=lambda clip: clip.clip_id)
        trained = (clip.attributes for clip in baseline_clips.clips(clips.folder) if clip.split == "train")
        self._combinations = TrainedCombinations(trained, judge.values)
        self.of, self.trained, self.still = cache(self._of), cache(self._trained_features), cache(self._still)

    def _of(self, fmt: Format) -> ReferenceFeatures | None:
        """Return held-out clips, as they are and reconstructed; None if there are fewer than two."""
        clips = self._chosen(fmt, "heldout")
        if len(clips) < 2:
            return None
        return ReferenceFeatures(
            [clip.attributes for clip in clips],
            [clip.caption for clip in clips],
            [self._combinations.lack(clip.attributes) for clip in clips],
            self._features(self.references.pixels(clip.clip_id, fmt) for clip in clips),
            self._features(self.references.reconstruction(clip.clip_id, fmt) for clip in clips),
        )

    def _trained_features(self, fmt: Format) -> Baseline | None:
        """Return clips of the train split, as many as held-out ones."""
        count = len(self._chosen(fmt, "heldout"))
        clips = self._chosen(fmt, "train")[:count]
        frames = (self.references.pixels(clip.clip_id, fmt) for clip in clips)
        return Baseline("real clips of the train split", self._features(frames)) if len(clips) > 1 else None

    def _still(self, fmt: Format) -> Baseline | None:
        """Return held-out clips that repeat their first frame; None for images."""

        def held() -> Iterator[Pixels]:
            for clip in self._chosen(fmt, "heldout"):
                pixels = self.references.pixels(clip.clip_id, fmt)
                yield np.broadcast_to(pixels[:1], pixels.shape)

        return Baseline("real clips that stand still", self._features(held())) if fmt.frames > 1 else None

    def _features(self, clips: Iterable[Pixels]) -> Tensor:
        return features_of(self.judge, map(self.media.shown, clips))

    def _chosen(self, fmt: Format, split: str) -> list[Clip]:
        fits = (
            clip
            for clip in self._clips
            if clip.split == split and clip.orientation == fmt.orientation and (clip.frames > 1) == (fmt.frames > 1)
        )
        return list(fits)[: self.config.heldout_clips]
