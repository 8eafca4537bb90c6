"""Span corruption: the training task of the small T5.

The target is the whole caption, not the masked spans alone: an encoder trained on the spans alone loses words that
predict no others, such as colors, and these describe a clip.

Invariant: the source with each sentinel replaced by the tokens masked there is the target.
Shapes: lists of token ids; B captions, N tokens.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.text_encoder.tokenization import FIRST_SENTINEL_ID, SENTINELS

IGNORED = -100  # label that no loss counts


def corrupt(
    tokens: Sequence[int], *, noise_share: float, span_tokens: float, draw: np.random.Generator
) -> tuple[list[int], list[bool]]:
    """Mask random spans, each with one sentinel: (source, which of `tokens` are masked). At least one is."""
    masked = min(len(tokens), max(1, round(len(tokens) * noise_share)))
    kept = len(tokens) - masked
    spans = min(max(1, round(masked / span_tokens)), masked, kept + 1, SENTINELS)
    lengths = _split(masked - spans, spans, draw) + 1
    gaps = _split(kept - (spans - 1), spans + 1, draw)
    gaps[1:-1] += 1  # spans do not touch
    source, missing = list(tokens[: gaps[0]]), [False] * int(gaps[0])
    for span in range(spans):
        missing += [True] * int(lengths[span])
        source.append(FIRST_SENTINEL_ID + span)
        source += tokens[len(missing) : len(missing) + int(gaps[span + 1])]
        missing += [False] * int(gaps[span + 1])
    return source, missing


def pad(rows: Sequence[Sequence[int]], value: int) -> npt.NDArray[np.int64]:
    """Return rows of different lengths as one array, padded with `value`."""
    padded_BN = np.full((len(rows), max(len(row) for row in rows)), value, dtype=np.int64)
    for number, row in enumerate(rows):
        padded_BN[number, : len(row)] = row
    return padded_BN


def _split(total: int, parts: int, draw: np.random.Generator) -> npt.NDArray[np.int64]:
    """Split `total` into `parts` counts of zero or more, every split equally likely."""
    bars = (
        np.sort(draw.choice(total + parts - 1, parts - 1, replace=False)) if parts > 1 else np.empty(0, dtype=np.int64)
    )
    edges = np.concatenate([[-1], bars, [total + parts - 1]])
    lengths: npt.NDArray[np.int64] = np.diff(edges) - 1
    return lengths
