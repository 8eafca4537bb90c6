"""kept clips -> captions; a T5 encoder in Hugging Face's files -> vectors.

Invariant: the empty caption has no vectors (length 0), every other at least one; after its length a row is zero.
Shapes: B texts, N tokens, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from tokenizers import Tokenizer
from torch import Tensor

from components.filter.data import Clips

if TYPE_CHECKING:
    from transformers import T5EncoderModel  # seconds to import: only where a model is really loaded

KIND = "text_encoder"
TOKENIZER = "tokenizer.json"


class CaptionEncoder:
    """A frozen T5 encoder and its tokenizer."""

    def __init__(self, model: T5EncoderModel, tokenizer: Tokenizer):
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.width: int = model.config.d_model

    @torch.no_grad()
    def encode(self, texts: Sequence[str], tokens: int) -> tuple[Tensor, Tensor]:
        """Return vectors (B, tokens, D) float32 and lengths (B) int64; longer texts are cut before the end mark."""
        device = self.model.device
        vectors_BND = torch.zeros(len(texts), tokens, self.width, device=device)
        ids = [self.tokens(text, tokens) for text in texts]
        lengths_B = torch.tensor([len(row) for row in ids], device=device)
        nonempty_B = lengths_B > 0
        if nonempty_B.any():
            longest = int(lengths_B.max())
            ids_BN = torch.tensor([row + [0] * (longest - len(row)) for row in ids if row], device=device)
            mask_BN = torch.arange(longest, device=device) < lengths_B[nonempty_B, None]
            found_BND = self.model(input_ids=ids_BN, attention_mask=mask_BN.long()).last_hidden_state.float()
            vectors_BND[nonempty_B, :longest] = found_BND * mask_BN[..., None]
        return vectors_BND, lengths_B

    def tokens(self, text: str, limit: int) -> list[int]:
        """Return token ids with the end mark, at most `limit` of them; none for an empty text."""
        if not text.strip():
            return []
        ids: list[int] = self.tokenizer.encode(text).ids
        return ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]


def captions(clips: Path, split: Literal["train", "heldout"]) -> dict[str, Mapping[str, str]]:
    """Return the captions of a split, sorted, each with the attributes of the first clip that has it."""
    found: dict[str, Mapping[str, str]] = {}
    for clip in Clips(clips, split):
        if clip.caption.strip():
            found.setdefault(clip.caption, clip.attributes)
    return dict(sorted(found.items()))


def save(folder: Path, encoder: CaptionEncoder) -> None:
    """Write config.json, model.safetensors (one file) and tokenizer.json."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    encoder.model.save_pretrained(folder, max_shard_size="1TB")
    encoder.tokenizer.save(str(folder / TOKENIZER))


def load(folder: Path) -> CaptionEncoder:
    """Read what `save` wrote, or a public T5 in the same format, kept in the precision it was stored in."""
    from transformers import T5EncoderModel
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder} holds no T5 (no config.json): run the stage that makes it")
    model = T5EncoderModel.from_pretrained(folder, local_files_only=True, dtype="auto")
    return CaptionEncoder(model, _tokenizer(folder))


def _tokenizer(folder: Path) -> Tokenizer:
    """Return the folder's fast tokenizer, converted from SentencePiece where a public model has nothing else."""
    if (folder / TOKENIZER).is_file():
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    else:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
