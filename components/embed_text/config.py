"""What may be chosen about embedding the captions."""

from dataclasses import dataclass

from components.common.formats import Formats


@dataclass(frozen=True)
class Config:
    """Sizes of the work; they change the speed, the files' cut and what a kill can lose."""

    formats: Formats
    threads: int
    batch: int
    shard_captions: int  # captions in one file, and at most lost by a kill

    def __post_init__(self) -> None:
        if min(self.batch, self.shard_captions) < 1:
            raise ValueError("embed_text: batch and shard_captions must be positive")
