"""Training of the small T5: it restores whole captions, of which spans are masked.

Shapes: B captions, N tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.optim import Optimizer
from transformers import T5Config, T5EncoderModel, T5ForConditionalGeneration

from components.common.fit.optimizer import adamw, optimizer_step
from components.common.fit.strategy import Strategy
from components.common.random import seed_of
from components.text_encoder import ops
from components.text_encoder.config import Train
from components.text_encoder.tokenization import END_ID, PADDING_ID


@dataclass(frozen=True)
class Batch:
    """Captions with masked spans, the whole captions, and where they differ."""

    source: Tensor  # (B, N)
    target: Tensor  # (B, N), ops.IGNORED after a caption's end
    masked: Tensor  # (B, N) bool: target tokens that the source does not show


class Training:
    """Training of an encoder, with a decoder that is discarded afterwards."""

    def __init__(self, config: Train, seed: int, tokenizer: Tokenizer, captions: Sequence[str], limit: int):
        torch.manual_seed(seed_of(seed, "weights"))
        self.config, self.seed = config, seed
        self.tokens = [row.ids[: limit - 1] for row in tokenizer.encode_batch(captions, add_special_tokens=False)]
        self.model: Any = T5ForConditionalGeneration(architecture(config, tokenizer.get_vocab_size()))
        self.modules: dict[str, nn.Module] = {"model": self.model}
        self.optimizers: dict[str, Optimizer] = {"model": adamw(self.model.parameters(), config.optimization)}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        """Draw captions evenly and hide spans of them."""
        draw = np.random.default_rng(seed_of(self.seed, "batch", step, rank))
        chosen = draw.integers(len(self.tokens), size=self.config.global_batch_captions // world)
        return corrupted([self.tokens[number] for number in chosen], self.config, draw)

    def step(self, strategy: Strategy, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """Learn to fill the spans of one batch."""
        model, optimizer = self.modules["model"], self.optimizers["model"]
        model.train()
        loss: Tensor = model(**inputs(batch.source.to(strategy.device), batch.target.to(strategy.device))).loss
        optimizer_step(strategy, model, optimizer, loss, self.config.optimization, step)
        return {"loss": loss.detach()}

    def encoder(self) -> T5EncoderModel:
        """Return the encoder alone, on the CPU."""
        encoder = T5EncoderModel(self.model.config)
        wanted = encoder.state_dict()
        encoder.load_state_dict(
            {name: value.cpu() for name, value in self.model.state_dict().items() if name in wanted}
        )
        return encoder


def architecture(config: Train, vocabulary: int) -> T5Config:
    """Return the shape of a T5 v1.1: gated GELU, no shared output embedding."""
    values = {
        "vocab_size": vocabulary,
        "d_model": config.width,
        "d_kv": config.head_width,
        "d_ff": config.feed_forward_width,
        "num_layers": config.layers,
        "num_heads": config.heads,
        "dropout_rate": config.dropout,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
        "pad_token_id": PADDING_ID,
        "eos_token_id": END_ID,
        "decoder_start_token_id": PADDING_ID,
    }
    return T5Config.from_dict(values)


def corrupted(rows: Sequence[Sequence[int]], config: Train, draw: np.random.Generator) -> Batch:
    """Hide spans of tokenized captions."""
    pairs = [
        ops.corrupt(row, noise_share=config.noise_share, span_tokens=config.span_tokens, draw=draw) for row in rows
    ]
    source_BN = ops.pad([[*source, END_ID] for source, _ in pairs], PADDING_ID)
    target_BN = ops.pad([[*row, END_ID] for row in rows], ops.IGNORED)
    masked_BN = ops.pad([[*masked, False] for _, masked in pairs], False)
    return Batch(torch.from_numpy(source_BN), torch.from_numpy(target_BN), torch.from_numpy(masked_BN).bool())


def inputs(source_BN: Tensor, target_BN: Tensor) -> dict[str, Tensor]:
    """Return a batch under the names of T5's arguments."""
    return {"input_ids": source_BN, "attention_mask": (source_BN != PADDING_ID).long(), "labels": target_BN}
