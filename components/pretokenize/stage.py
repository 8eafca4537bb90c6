"""kept clips + frozen tokenizers -> token shards.

All inputs of later training are computed here once: codes of whole clips, of masked clips, of flow and depth, and of
audio; text embeddings; and the codes of clips at two sizes for super-resolution.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from components.common import artifacts, runtime
from components.common.artifacts import Summary
from components.embed_text.data import Embeddings
from components.estimate_structure.data import Structures
from components.filter.data import Clips
from components.pretokenize import data, gate
from components.pretokenize.config import Config, Stage
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
    output: Path,
) -> Summary:
    """Tokenize the kept clips, group by group, then the super-resolution pairs; a broken gate raises DataError."""
    encoders = Encoders(visual_tokenizer, audio_tokenizer, threads=config.threads, precision=config.precision)
    builder = GroupBuilder(config, Clips(clips), Embeddings(text), Structures(structure), encoders)
    facts = _facts(builder) | {"text": artifacts.digest(text)}
    counts: dict[str, int] = {}
    small: dict[str, int] = {}  # pairs whose clip lacks the detail of the larger size
    with artifacts.fresh(output) as folder:
        for fmt in config.formats.all():
            if rows := builder.rows(fmt):
                counts[fmt.name] = len(rows)
                with _scratch() as scratch:
                    data.write(folder / f"{fmt.name}.arrow", builder.group(fmt, rows, scratch), facts)
        for stage in get_args(Stage):
            if rows := builder.pair_rows(stage):
                counts[f"pairs_{stage}"] = len(rows)
                with _scratch() as scratch:
                    data.write(folder / f"pairs_{stage}.arrow", builder.pairs(stage, rows, scratch), facts)
                small[f"pairs_{stage}_of_small_clips"] = sum(builder.too_small(row, stage) for row in rows)
        gate.check(folder, counts, facts)
        inputs = {"clips": clips, "visual_tokenizer": visual_tokenizer, "audio_tokenizer": audio_tokenizer}
        inputs |= {"text": text, "structure": structure}
        return artifacts.describe(folder, "tokens", inputs=inputs, counts=counts | small, facts=facts)


def _facts(builder: GroupBuilder) -> dict[str, Any]:
    """Return the facts needed to use the codes, and the digests of the tokenizers."""
    formats, encoders = builder.config.formats, builder.encoders
    return {
        "codebook_bits": encoders.visual_model.config.codebook_bits,
        "levels": encoders.audio_model.config.levels,
        "codebook_size": encoders.audio_model.config.codebook_size,
        "latent": {fmt.name: list(encoders.latent(fmt)) for fmt in formats.all()},
        "text_width": builder.embeddings.width,
        "text_tokens": formats.text_tokens,
        "visual_tokenizer": encoders.digests["visual"],
        "audio_tokenizer": encoders.digests["audio"],
    }


@contextmanager
def _scratch() -> Iterator[Path]:
    """Give a folder for one group's columns; nothing in it is needed after a kill, since codes are cached."""
    scratch = runtime.current().scratch
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch) as folder:
        yield Path(folder)
