"""Encoding of one part of the tokens into the cache: several machines do this in parallel before pretokenize runs."""

from pathlib import Path

from components.embed_text.data import Embeddings
from components.estimate_structure.data import Structures
from components.filter.data import Clips
from components.pretokenize.config import Config
from components.pretokenize.encoding import Encoders
from components.pretokenize.rows import GroupBuilder


def run(
    config: Config,
    *,
    clips: Path,
    visual_tokenizer: Path,
    audio_tokenizer: Path,
    text: Path,
    structure: Path,
    part: int,
    parts: int,
) -> None:
    """Encode every `parts`-th batch from number `part` on.

    The machines must share VIDEOPOET_CACHE and be of one kind: codes depend on it. A part that fails loses nothing:
    pretokenize encodes what is missing.
    """
    if not 0 <= part < parts:
        raise ValueError(f"part must lie in [0, {parts}), got {part}")
    encoders = Encoders(visual_tokenizer, audio_tokenizer, threads=config.threads, precision=config.precision)
    GroupBuilder(config, Clips(clips), Embeddings(text), Structures(structure), encoders).encode(
        slice(part, None, parts)
    )
