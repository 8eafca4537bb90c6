"""A state -> scores of the code that comes next.

A head tells a code in one part or in several. Each part is told from the state and from the parts before it, so their
probabilities multiply to that of the whole code.

Shapes: B sequences, N positions, D width, V values of a part; `...` stands for any leading axes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from components.language_model.embedding import new_table
from components.nn import factorization
from components.nn.transformer import FeedForward


class Flat:
    """One softmax over a table of output vectors (the paper's); `chunk` bounds the logits held at once, 0 holds all."""

    parts = 1

    def __init__(self, rows_VD: Tensor, chunk: int = 0):
        self.rows_VD, self.chunk = rows_VD, chunk

    def scores(self, state: Tensor, told: Sequence[Tensor]) -> Tensor:
        """Logits (..., V) of the only part."""
        del told
        return state @ self.rows_VD.T

    def losses(self, states_BND: Tensor, codes_BN: Tensor) -> Tensor:
        """Negative log-likelihood of every code, (B, N)."""
        logits_BNV = self.scores(states_BND, ())
        return F.cross_entropy(logits_BNV.transpose(1, 2), codes_BN, reduction="none")

    def loss(self, states_BND: Tensor, codes_BN: Tensor) -> Tensor:
        """The sum of `losses`, in less memory."""
        chunk = self.chunk
        options = nn.LinearCrossEntropyOptions(chunking_method=None, batch_chunk_size=chunk) if chunk else None
        loss: Tensor = F.linear_cross_entropy(
            states_BND.flatten(0, 1), self.rows_VD, codes_BN.flatten(), reduction="sum", options=options
        )
        return loss

    def join(self, told: Sequence[Tensor]) -> Tensor:
        """The code that the parts name."""
        return told[0]


class Halves(nn.Module):
    """The low half of a code's bits, then the high half given the low one: 2 × 512 scores in place of 262 144.

    The chain rule makes this exact, where two guesses that do not know of each other would only be close.
    """

    parts = 2

    def __init__(self, bits: int, width: int):
        super().__init__()
        self.bits = bits
        low, high = factorization.factor_sizes(bits)
        self.low, self.high, self.known = new_table(low, width), new_table(high, width), new_table(low, width)
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.mix = FeedForward(width, width)

    def scores(self, state: Tensor, told: Sequence[Tensor]) -> Tensor:
        """Logits (..., V) of the low half, or of the high half once the low one is told."""
        if not told:
            return state @ self.low.T
        x = state + F.embedding(told[0], self.known)
        y: Tensor = (x + self.mix(self.norm(x))) @ self.high.T
        return y

    def losses(self, states_BND: Tensor, codes_BN: Tensor) -> Tensor:
        """Negative log-likelihood of every code, (B, N)."""
        low_BN, high_BN = factorization.split(codes_BN, self.bits).unbind(dim=-1)
        first_BNV, second_BNV = self.scores(states_BND, ()), self.scores(states_BND, (low_BN,))
        losses_BN = F.cross_entropy(first_BNV.transpose(1, 2), low_BN, reduction="none")
        return losses_BN + F.cross_entropy(second_BNV.transpose(1, 2), high_BN, reduction="none")

    def loss(self, states_BND: Tensor, codes_BN: Tensor) -> Tensor:
        """The sum of `losses`."""
        return self.losses(states_BND, codes_BN).sum()

    def join(self, told: Sequence[Tensor]) -> Tensor:
        """The code that the parts name."""
        return factorization.join(torch.stack(tuple(told), dim=-1), self.bits)
