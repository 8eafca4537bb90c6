"""Configuration of caption embeddings."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """Batch and file sizes; they change the speed, the division into files, and what a kill can lose."""

    formats: Formats
    """Clip formats of the whole pipeline; `text_tokens` limits the length of a text."""
    threads: int
    """Threads of the text encoder."""
    batch_captions: int
    """Captions encoded at once."""
    shard_captions: int
    """Captions per file, which is also the most that a kill can lose."""

    def __post_init__(self) -> None:
        if min(self.batch_captions, self.shard_captions) < 1:
            raise ValueError("embed_text: batch_captions and shard_captions must be positive")
