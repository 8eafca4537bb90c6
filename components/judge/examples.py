"""Kept clips as examples for the judge: pixels, captions, and attribute values as numbers.

An attribute is learned if captions mention it (a source's columns also hold facts that nobody can see) and at least two
of its values occur often enough. It counts as visible in a still if any image has it, and only then is it learned from
single frames of clips. Clips have their format's base size, long ones their first `formats.clip_frames` frames.
Decoded pixels are cached up to a memory limit, which affects nothing but time.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from components.common.formats import Formats, Orientation
from components.filter.data import Clips, Frames
from components.judge.caption_vocabulary import split_words
from components.media.arrays import Pixels

MISSING = -100  # the class number that cross-entropy ignores


@dataclass(frozen=True)
class ShapeGroup:
    """Clips of one shape: stills or moving, square or portrait."""

    still: bool
    orientation: str
    indices: NDArray[np.int64]


class Examples:
    """A split of the kept clips, by position."""

    def __init__(self, clips: Clips, formats: Formats, cache_mib: int = 0):
        self.formats = formats
        self._frames = {form: Frames(clips, form, cache_mib << 20) for form in formats.all()}
        every = list(clips)
        self.captions = [clip.caption for clip in every]
        self.attributes = [clip.attributes for clip in every]
        self.is_image = np.array([clip.kind == "image" for clip in every], dtype=bool)
        self.orientations: list[Orientation] = [clip.orientation for clip in every]

    def __len__(self) -> int:
        return len(self.captions)

    def pixels(self, index: int) -> Pixels:
        """Return the frames of one clip, uint8 THWC: 1 of an image, `formats.clip_frames` of a video."""
        frames = 1 if self.is_image[index] else self.formats.clip_frames
        return self._frames[self.formats.of(frames, self.orientations[index])][index]

    def groups(self) -> list[ShapeGroup]:
        """Return moving groups of videos, and still groups of images and of videos by one frame each; none is empty."""
        found = []
        for still in (False, True):
            for orientation in ("square", "portrait"):
                fits = np.array([name == orientation for name in self.orientations], dtype=bool)
                indices = np.flatnonzero(fits if still else fits & ~self.is_image)
                if len(indices):
                    found.append(ShapeGroup(still, orientation, indices))
        return found


def learnable_values(examples: Examples, min_clips: int) -> dict[str, tuple[str, ...]]:
    """Return each attribute's values that at least `min_clips` clips have, for attributes with two such values or more.

    Most captions of clips that have the attribute must contain the words of its value.
    """
    counts = Counter(pair for attributes in examples.attributes for pair in attributes.items() if pair[1])
    values: dict[str, tuple[str, ...]] = {}
    for name in sorted({name for name, _ in counts}):
        common = tuple(sorted(kind for (of, kind), count in counts.items() if of == name and count >= min_clips))
        if len(common) >= 2 and _said(examples, name) > 0.5:
            values[name] = common
    return values


def _said(examples: Examples, name: str) -> float:
    """Return the share of captions of clips with an attribute that mention its value; 0 if there are none."""
    pairs = [
        (attributes[name], caption)
        for attributes, caption in zip(examples.attributes, examples.captions, strict=True)
        if attributes.get(name) and caption
    ]
    return sum(set(split_words(value)) <= set(split_words(caption)) for value, caption in pairs) / max(1, len(pairs))


def visible_in_stills(examples: Examples) -> frozenset[str]:
    """Return the names of the attributes that images have."""
    pairs = zip(examples.is_image, examples.attributes, strict=True)
    return frozenset(name for is_image, attributes in pairs if is_image for name in attributes)


def labels(attributes: Sequence[Mapping[str, str]], values: Mapping[str, Sequence[str]]) -> Tensor:
    """Return class numbers (B, attributes in sorted order); MISSING if the attribute is absent or its value rare."""
    rows = [
        [list(values[name]).index(of[name]) if of.get(name) in values[name] else MISSING for name in sorted(values)]
        for of in attributes
    ]
    return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), len(values))
