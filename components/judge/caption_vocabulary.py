"""Texts -> word IDs.

0 is padding, 1 is every word that the training captions do not contain at least twice.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

UNKNOWN = 1
LEAST_OCCURRENCES = 2


class CaptionVocabulary:
    """The words that the judge knows, in alphabetical order."""

    def __init__(self, known: Sequence[str]):
        self.known = tuple(known)
        self._id = {word: position for position, word in enumerate(self.known, start=UNKNOWN + 1)}

    @classmethod
    def learned(cls, captions: Iterable[str]) -> "CaptionVocabulary":
        """Return the vocabulary of the training captions."""
        counts = Counter(word for caption in captions for word in split_words(caption))
        return cls(sorted(word for word, count in counts.items() if count >= LEAST_OCCURRENCES))

    def __len__(self) -> int:
        return len(self.known) + UNKNOWN + 1

    def ids(self, texts: Sequence[str]) -> Tensor:
        """Return the ID of every word, (B, N) int64 padded with 0 to the longest text (at least one column)."""
        rows = [[self._id.get(word, UNKNOWN) for word in split_words(text)] for text in texts]
        ids_BN = torch.zeros(len(rows), max([1, *map(len, rows)]), dtype=torch.int64)
        for i, row in enumerate(rows):
            ids_BN[i, : len(row)] = torch.tensor(row, dtype=torch.int64)
        return ids_BN


def split_words(text: str) -> list[str]:
    """Return the lower-case words of a text, without punctuation."""
    return re.findall(r"\w+", text.lower())
