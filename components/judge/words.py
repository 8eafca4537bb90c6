"""Texts -> word ids.

0 is padding, 1 is every word that the training captions do not contain at least twice.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

UNKNOWN = 1
LEAST_OCCURRENCES = 2


class Words:
    """The words that the judge knows, in alphabetical order."""

    def __init__(self, known: Sequence[str]):
        self.known = tuple(known)
        self._number = {word: number for number, word in enumerate(self.known, start=UNKNOWN + 1)}

    @classmethod
    def of(cls, captions: Iterable[str]) -> "Words":
        """Learn the words of the training captions."""
        counts = Counter(word for caption in captions for word in split(caption))
        return cls(sorted(word for word, count in counts.items() if count >= LEAST_OCCURRENCES))

    def __len__(self) -> int:
        return len(self.known) + UNKNOWN + 1

    def numbers(self, texts: Sequence[str]) -> Tensor:
        """Return the number of every word, (B, N) int64 padded with 0 to the longest text (at least one column)."""
        rows = [[self._number.get(word, UNKNOWN) for word in split(text)] for text in texts]
        numbers_BN = torch.zeros(len(rows), max([1, *map(len, rows)]), dtype=torch.int64)
        for i, row in enumerate(rows):
            numbers_BN[i, : len(row)] = torch.tensor(row, dtype=torch.int64)
        return numbers_BN


def split(text: str) -> list[str]:
    """Lower-case words of a text; punctuation is dropped."""
    return re.findall(r"\w+", text.lower())
