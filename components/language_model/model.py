"""A decoder-only prefix language model over text vectors, visual codes and audio codes.

The prefix attends to itself both ways, the output to the past only; loss and logits exist at output positions only,
and there only for the ids that the grammar allows: softmax over a segment's own codes is the exact softmax under that
constraint. Structural tokens are certain, so they cost nothing.

Shapes: B sequences, N positions, D width, S text positions, E text width, V rows of a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from components.language_model.config import Architecture
from components.language_model.embedding import CodeTable, Places, new_table
from components.language_model.heads import Flat, Halves
from components.language_model.sequence import PARTS, Layout, Run, Shape
from components.language_model.vocabulary import SPECIAL_IDS, Vocabulary
from components.nn.transformer import FeedForward, KeyValueCache, SelfAttention, rotary_axes

ROTARY_BASES = (10_000.0, 100.0, 100.0, 100.0)  # order, time, row, column


@dataclass(frozen=True)
class Facts:
    """What the model takes from the tokens it is trained on."""

    vocabulary: Vocabulary
    text_width: int
    text_tokens: int
    shapes: dict[str, Shape]

    def place_sizes(self) -> tuple[int, ...]:
        """How many coordinates each axis of `sequence.PLACES` has, none included."""
        latents = [shape.latent for shape in self.shapes.values()]
        largest = [max(latent[axis] for latent in latents) for axis in range(3)]
        sound = max(shape.audio_frames for shape in self.shapes.values())
        return (len(PARTS), *(size + 1 for size in largest), self.vocabulary.levels + 1, sound + 1)


@dataclass(frozen=True)
class Batch:
    """Sequences of one layout."""

    layout: Layout
    ids: Tensor  # (B, N)
    text: Tensor | None  # float (B, S, E)
    text_lengths: Tensor | None  # (B,); 0 leaves the text out

    def to(self, device: torch.device) -> "Batch":
        """Move the tensors."""
        text, lengths = (None if part is None else part.to(device) for part in (self.text, self.text_lengths))
        return Batch(self.layout, self.ids.to(device), text, lengths)


@dataclass(frozen=True)
class Angles:
    """Cosines and sines by which queries and keys are turned."""

    looks: tuple[Tensor, Tensor]
    lies: tuple[Tensor, Tensor]

    def between(self, first: int, stop: int) -> "Angles":
        """Those of some positions only."""
        (a, b), (c, d) = self.looks, self.lies
        return Angles((a[first:stop], b[first:stop]), (c[first:stop], d[first:stop]))


class Block(nn.Module):
    """Attention, then a feed-forward layer, each on normalised input and added to what came in."""

    def __init__(self, architecture: Architecture):
        super().__init__()
        self.attention_norm = nn.RMSNorm(architecture.width, eps=1e-6)
        self.attention = SelfAttention(architecture.width, architecture.heads)
        self.feed_forward_norm = nn.RMSNorm(architecture.width, eps=1e-6)
        self.feed_forward = FeedForward(architecture.width, architecture.hidden)
        self.dropout = nn.Dropout(architecture.dropout)

    def forward(self, x_BND: Tensor, angles: Angles, mask: Tensor | None, cache: KeyValueCache | None = None) -> Tensor:
        """See `SelfAttention`."""
        attended_BND = self.attention(
            self.attention_norm(x_BND), table=angles.looks, key_table=angles.lies, mask=mask, cache=cache
        )
        x_BND = x_BND + self.dropout(attended_BND)
        y_BND: Tensor = self.dropout(self.feed_forward(self.feed_forward_norm(x_BND)))
        return x_BND + y_BND


class Model(nn.Module):
    """Embeddings of every modality, the blocks, and one head per modality."""

    def __init__(self, architecture: Architecture, facts: Facts, head_chunk_tokens: int = 0):
        super().__init__()
        width, vocabulary = architecture.width, facts.vocabulary
        self.architecture, self.facts, self.head_chunk_tokens = architecture, facts, head_chunk_tokens
        self.special = new_table(SPECIAL_IDS, width)
        self.visual = CodeTable(architecture.visual_embedding, vocabulary.codebook_bits, width)
        self.audio = new_table(len(vocabulary.audio_ids), width)
        self.text_norm = nn.RMSNorm(facts.text_width, eps=1e-6)
        self.text = nn.Linear(facts.text_width, width, bias=False)
        self.places = Places(facts.place_sizes(), width)
        self.blocks = nn.ModuleList(Block(architecture) for _ in range(architecture.layers))
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.visual_head = _visual_head(architecture, vocabulary.codebook_bits)
        self.audio_head = new_table(len(vocabulary.audio_ids), width)
        self.dropout = nn.Dropout(architecture.dropout)
        self._initialise()

    def _initialise(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                last = name.endswith((".out", ".down"))  # zero: a new block changes nothing
                nn.init.normal_(module.weight, std=0.0 if last else module.in_features**-0.5)

    @property
    def shapes(self) -> dict[str, Shape]:
        """Formats that it was trained on, by name."""
        return self.facts.shapes

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Mean negative log-likelihood of the output codes: `loss`, and by modality, in nats per token."""
        hidden_BND = self.hidden(batch)
        sums: dict[str, list[Tensor]] = {}
        counts: dict[str, int] = {}
        for run in batch.layout.runs:
            before_BND = hidden_BND[:, run.start - 1 : run.start + run.length - 1]
            targets = batch.ids[:, run.start : run.start + run.length] - run.ids.start
            sums.setdefault(run.modality, []).append(self.head(run).loss(before_BND, targets))
            counts[run.modality] = counts.get(run.modality, 0) + targets.numel()
        losses = {f"{modality}_loss": torch.stack(parts).sum() for modality, parts in sums.items()}
        total = torch.stack(list(losses.values())).sum() / sum(counts.values())
        return {"loss": total} | {f"{name}_loss": losses[f"{name}_loss"] / count for name, count in counts.items()}

    def hidden(self, batch: Batch) -> Tensor:
        """The normalised state at every position, (B, N, D)."""
        layout = batch.layout
        x_BND = self.embed(layout, batch.ids, batch.text) + self.places(layout.places.to(batch.ids.device))
        mask = layout.mask().to(x_BND.device)
        if batch.text_lengths is not None:
            mask = mask & layout.filled(batch.text_lengths)[:, None, None, :]
        return self.run(self.dropout(x_BND), self.angles(layout, x_BND.device), mask)

    def run(
        self,
        x_BND: Tensor,
        angles: Angles,
        mask: Tensor | None,
        caches: Sequence[KeyValueCache | None] | None = None,
    ) -> Tensor:
        """Send embedded positions through the blocks; with caches, the positions that came before are remembered."""
        for block, cache in zip(self.blocks, caches or [None] * len(self.blocks), strict=True):
            x_BND = block(x_BND, angles, mask, cache)
        normed_BND: Tensor = self.norm(x_BND)
        return normed_BND

    def angles(self, layout: Layout, device: torch.device) -> Angles:
        """Rotary angles of a whole sequence, in order, time, row and column."""
        head_width = self.architecture.width // self.architecture.heads
        looks, lies = (rotary_axes(places.to(device), head_width, ROTARY_BASES) for places in layout.coordinates())
        return Angles(looks, lies)

    def embed(self, layout: Layout, ids_BN: Tensor, text_BSE: Tensor | None, first: int = 0) -> Tensor:
        """Vectors of what stands at the positions `first` … `first` + N - 1, whose ids are given; without places."""
        stop = first + ids_BN.shape[1]
        vocabulary, parts = self.facts.vocabulary, []
        for segment in layout.segments:
            start, end = max(segment.start, first), min(segment.stop, stop)
            if start >= end:
                continue
            ids = ids_BN[:, start - first : end - first]
            match segment.part:
                case "marker":
                    parts.append(F.embedding(ids, self.special))
                case "text":
                    assert text_BSE is not None
                    parts.append(self.text(self.text_norm(text_BSE[:, start - segment.start : end - segment.start])))
                case "sound" | "audio_out":
                    parts.append(F.embedding(ids - vocabulary.audio_ids.start, self.audio))
                case _:
                    parts.append(self.visual(ids - vocabulary.visual_ids.start))
        return torch.cat(parts, dim=1)

    def head(self, run: Run) -> Flat | Halves:
        """What scores the codes that a run allows."""
        if run.modality == "visual":
            return self.visual_head if isinstance(self.visual_head, Halves) else self._flat(self.visual_head.rows())
        first = self.facts.vocabulary.audio_ids.start
        return self._flat(self.audio_head[run.ids.start - first : run.ids.stop - first])

    def _flat(self, rows_VD: Tensor) -> Flat:
        return Flat(rows_VD, self.head_chunk_tokens)


def _visual_head(architecture: Architecture, bits: int) -> CodeTable | Halves:
    if architecture.visual_head == "halves":
        return Halves(bits, architecture.width)
    return CodeTable(architecture.visual_head, bits, architecture.width)
