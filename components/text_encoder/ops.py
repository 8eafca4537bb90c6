"""Span corruption: what T5 learns from.

Law: the source with every sentinel replaced by the tokens that follow it in the target is the caption again.
Shapes: lists of token ids; B captions, N tokens.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.text_encoder.tokenization import END_ID, FIRST_SENTINEL_ID, PADDING_ID, SENTINELS

IGNORED = -100  # label that no loss counts


def corrupt(
    tokens: Sequence[int], *, noise_share: float, span_tokens: float, draw: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Hide random spans: (source, target), both ended; `tokens` come without their end mark, one at least."""
    hidden = min(len(tokens), max(1, round(len(tokens) * noise_share)))
    kept = len(tokens) - hidden
    spans = min(max(1, round(hidden / span_tokens)), hidden, kept + 1, SENTINELS)
    hidden_lengths = _split(hidden - spans, spans, draw) + 1
    gaps = _split(kept - (spans - 1), spans + 1, draw)
    gaps[1:-1] += 1  # spans do not touch
    source, target, at = list(tokens[: gaps[0]]), [], int(gaps[0])
    for span in range(spans):
        sentinel, end = FIRST_SENTINEL_ID + span, at + int(hidden_lengths[span])
        source.append(sentinel)
        target += [sentinel, *tokens[at:end]]
        at = end + int(gaps[span + 1])
        source += tokens[end:at]
    return [*source, END_ID], [*target, END_ID]


def pad(rows: Sequence[Sequence[int]], value: int = PADDING_ID) -> npt.NDArray[np.int64]:
    """Rows of different lengths as one array, filled with `value` behind."""
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
