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
from components.language_model.embedding import CodeTable, PositionEmbedding, new_table
from components.language_model.heads import FactorizedHead, FlatHead
from components.language_model.sequence import PARTS, OutputSpan, SequenceLayout, Shape
from components.language_model.vocabulary import SPECIAL_IDS, Vocabulary
from components.nn.transformer import FeedForward, KeyValueCache, SelfAttention, rotary_axes

ROTARY_BASES = (10_000.0, 100.0, 100.0, 100.0)  # order, time, row, column


@dataclass(frozen=True)
class TokenSpec:
    """Properties of the tokens that determine the shapes of the model."""

    vocabulary: Vocabulary
    text_width: int
    text_tokens: int
    shapes: dict[str, Shape]

    def axis_sizes(self) -> tuple[int, ...]:
        """Return the number of coordinates of each axis of `sequence.AXES`, that for no coordinate included."""
        latents = [shape.latent for shape in self.shapes.values()]
        largest = [max(latent[axis] for latent in latents) for axis in range(3)]
        audio = max(shape.audio_frames for shape in self.shapes.values())
        return (len(PARTS), *(size + 1 for size in largest), self.vocabulary.levels + 1, audio + 1)


@dataclass(frozen=True)
class Batch:
    """Sequences of one layout."""

    layout: SequenceLayout
    ids: Tensor  # (B, N)
    text: Tensor | None  # float (B, S, E)
    text_lengths: Tensor | None  # (B,); 0 leaves the text out

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        text, lengths = (None if part is None else part.to(device) for part in (self.text, self.text_lengths))
        return Batch(self.layout, self.ids.to(device), text, lengths)


@dataclass(frozen=True)
class RotaryTables:
    """Cosines and sines that rotate queries and keys."""

    query: tuple[Tensor, Tensor]
    key: tuple[Tensor, Tensor]

    def between(self, first: int, stop: int) -> "RotaryTables":
        """Return the tables of some positions only."""
        (a, b), (c, d) = self.query, self.key
        return RotaryTables((a[first:stop], b[first:stop]), (c[first:stop], d[first:stop]))


class DecoderBlock(nn.Module):
    """Attention, then a feed-forward layer, each on normalized input and with a residual connection."""

    def __init__(self, architecture: Architecture):
        super().__init__()
        self.attention_norm = nn.RMSNorm(architecture.width, eps=1e-6)
        self.attention = SelfAttention(architecture.width, architecture.heads)
        self.feed_forward_norm = nn.RMSNorm(architecture.width, eps=1e-6)
        self.feed_forward = FeedForward(architecture.width, architecture.feed_forward_width)
        self.dropout = nn.Dropout(architecture.dropout)

    def forward(
        self, x_BND: Tensor, rotary_tables: RotaryTables, mask: Tensor | None, cache: KeyValueCache | None = None
    ) -> Tensor:
        """See `SelfAttention`."""
        attended_BND = self.attention(
            self.attention_norm(x_BND), table=rotary_tables.query, key_table=rotary_tables.key, mask=mask, cache=cache
        )
        x_BND = x_BND + self.dropout(attended_BND)
        y_BND: Tensor = self.dropout(self.feed_forward(self.feed_forward_norm(x_BND)))
        return x_BND + y_BND


class Model(nn.Module):
    """Embeddings of every modality, the blocks, and one head per modality."""

    def __init__(self, architecture: Architecture, token_spec: TokenSpec, head_chunk_tokens: int = 0):
        super().__init__()
        width, vocabulary = architecture.width, token_spec.vocabulary
        self.architecture, self.token_spec, self.head_chunk_tokens = architecture, token_spec, head_chunk_tokens
        self.special = new_table(SPECIAL_IDS, width)
        self.visual = CodeTable(architecture.visual_embedding, vocabulary.codebook_bits, width)
        self.audio = new_table(len(vocabulary.audio_ids), width)
        self.text_norm = nn.RMSNorm(token_spec.text_width, eps=1e-6)
        self.text = nn.Linear(token_spec.text_width, width, bias=False)
        self.position_embedding = PositionEmbedding(token_spec.axis_sizes(), width)
        self.blocks = nn.ModuleList(DecoderBlock(architecture) for _ in range(architecture.layers))
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.visual_head = _visual_head(architecture, vocabulary.codebook_bits)
        self.audio_head = new_table(len(vocabulary.audio_ids), width)
        self.dropout = nn.Dropout(architecture.dropout)
        self._initialize()

    def _initialize(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                last = name.endswith((".out", ".down"))  # zero: a new block changes nothing
                nn.init.normal_(module.weight, std=0.0 if last else module.in_features**-0.5)

    @property
    def shapes(self) -> dict[str, Shape]:
        """Formats that the model was trained on, by name."""
        return self.token_spec.shapes

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the mean negative log-likelihood of the output codes: `loss`, and by modality, in nats per token."""
        states_BND = self.states(batch)
        sums: dict[str, list[Tensor]] = {}
        counts: dict[str, int] = {}
        for span in batch.layout.spans:
            before_BND = states_BND[:, span.start - 1 : span.start + span.length - 1]
            targets = batch.ids[:, span.start : span.start + span.length] - span.ids.start
            sums.setdefault(span.modality, []).append(self.head(span).loss(before_BND, targets))
            counts[span.modality] = counts.get(span.modality, 0) + targets.numel()
        losses = {f"{modality}_loss": torch.stack(parts).sum() for modality, parts in sums.items()}
        total = torch.stack(list(losses.values())).sum() / sum(counts.values())
        return {"loss": total} | {f"{name}_loss": losses[f"{name}_loss"] / count for name, count in counts.items()}

    def states(self, batch: Batch) -> Tensor:
        """Return the normalized hidden state at every position, (B, N, D)."""
        layout = batch.layout
        x_BND = self.embed(layout, batch.ids, batch.text) + self.position_embedding(
            layout.positions.to(batch.ids.device)
        )
        mask = layout.mask().to(x_BND.device)
        if batch.text_lengths is not None:
            mask = mask & layout.filled(batch.text_lengths)[:, None, None, :]
        return self.decode(self.dropout(x_BND), self.rotary_tables(layout, x_BND.device), mask)

    def decode(
        self,
        x_BND: Tensor,
        rotary_tables: RotaryTables,
        mask: Tensor | None,
        caches: Sequence[KeyValueCache | None] | None = None,
    ) -> Tensor:
        """Apply the blocks to embedded positions; `caches` hold the keys and values of earlier positions."""
        for block, cache in zip(self.blocks, caches or [None] * len(self.blocks), strict=True):
            x_BND = block(x_BND, rotary_tables, mask, cache)
        normed_BND: Tensor = self.norm(x_BND)
        return normed_BND

    def rotary_tables(self, layout: SequenceLayout, device: torch.device) -> RotaryTables:
        """Return the rotary tables of a whole sequence, over order, time, row and column."""
        head_width = self.architecture.width // self.architecture.heads
        query, key = (rotary_axes(positions.to(device), head_width, ROTARY_BASES) for positions in layout.coordinates())
        return RotaryTables(query, key)

    def embed(self, layout: SequenceLayout, ids_BN: Tensor, text_BSE: Tensor | None, first: int = 0) -> Tensor:
        """Return the token embeddings of positions `first` … `first` + N - 1, given their ids."""
        stop = first + ids_BN.shape[1]
        vocabulary, parts = self.token_spec.vocabulary, []
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
                case "audio" | "audio_out":
                    parts.append(F.embedding(ids - vocabulary.audio_ids.start, self.audio))
                case _:
                    parts.append(self.visual(ids - vocabulary.visual_ids.start))
        return torch.cat(parts, dim=1)

    def head(self, span: OutputSpan) -> FlatHead | FactorizedHead:
        """Return the head for the codes that a span allows."""
        if span.modality == "visual":
            return (
                self.visual_head
                if isinstance(self.visual_head, FactorizedHead)
                else self._flat(self.visual_head.rows())
            )
        first = self.token_spec.vocabulary.audio_ids.start
        return self._flat(self.audio_head[span.ids.start - first : span.ids.stop - first])

    def _flat(self, rows_VD: Tensor) -> FlatHead:
        return FlatHead(rows_VD, self.head_chunk_tokens)


def _visual_head(architecture: Architecture, bits: int) -> CodeTable | FactorizedHead:
    if architecture.visual_head == "factorized":
        return FactorizedHead(bits, architecture.width)
    return CodeTable(architecture.visual_head, bits, architecture.width)
