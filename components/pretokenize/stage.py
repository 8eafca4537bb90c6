"""kept clips + frozen tokenizers -> token shards.

Every number that a later training reads is computed here once: codes of whole clips, of masked clips, of flow and
depth, of sound; text embeddings; and the codes of clips at two sizes for super-resolution.
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
from components.pretokenize.rows import Sources


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
    sources = Sources(config, Clips(clips), Embeddings(text), Structures(structure), encoders)
    facts = _facts(sources) | {"text": artifacts.digest(text)}
    counts: dict[str, int] = {}
    small: dict[str, int] = {}  # of the pairs, those whose clip lacks the detail of the larger size
    with artifacts.fresh(output) as folder:
        for fmt in config.formats.all():
            if rows := sources.rows(fmt):
                counts[fmt.name] = len(rows)
                with _scratch() as scratch:
                    data.write(folder / f"{fmt.name}.arrow", sources.group(fmt, rows, scratch), facts)
        for stage in get_args(Stage):
            if rows := sources.pair_rows(stage):
                counts[f"pairs_{stage}"] = len(rows)
                with _scratch() as scratch:
                    data.write(folder / f"pairs_{stage}.arrow", sources.pairs(stage, rows, scratch), facts)
                small[f"pairs_{stage}_of_small_clips"] = sum(sources.too_small(row, stage) for row in rows)
        gate.check(folder, counts, facts)
        inputs = {"clips": clips, "visual_tokenizer": visual_tokenizer, "audio_tokenizer": audio_tokenizer}
        inputs |= {"text": text, "structure": structure}
        return artifacts.describe(folder, "tokens", inputs=inputs, counts=counts | small, facts=facts)


def _facts(sources: Sources) -> dict[str, Any]:
    """What a reader must know to use the codes, and which tokenizers made them."""
    formats, encoders = sources.config.formats, sources.encoders
    return {
        "codebook_bits": encoders.visual_model.config.codebook_bits,
        "levels": encoders.audio_model.config.levels,
        "codebook_size": encoders.audio_model.config.codebook_size,
        "latent": {fmt.name: list(encoders.latent(fmt)) for fmt in formats.all()},
        "text_width": sources.embeddings.width,
        "text_tokens": formats.text_tokens,
        "visual_tokenizer": encoders.digests["visual"],
        "audio_tokenizer": encoders.digests["audio"],
    }


@contextmanager
def _scratch() -> Iterator[Path]:
    """Give a folder for one group's columns; nothing in it is needed after a kill, the codes are in the cache."""
    scratch = runtime.current().scratch
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch) as folder:
        yield Path(folder)
