"""captions of kept clips -> text vectors.

Each distinct caption is embedded once, in sorted order. A finished shard is kept in scratch, so a killed run loses at
most one.
"""

import shutil
from pathlib import Path

import torch

from components.common import artifacts
from components.common.artifacts import Summary
from components.common.progress import progress
from components.common.runtime import current
from components.embed_text import data
from components.embed_text.config import Config
from components.filter.data import Clips
from components.text_encoder.data import CaptionEncoder
from components.text_encoder.data import load as load_encoder


def run(config: Config, *, clips: Path, text_encoder: Path, output: Path) -> Summary:
    """Embed the captions of `clips`, training and held-out alike, with the encoder of `text_encoder`."""
    kept = Clips(clips)
    with_text = [clip.caption for clip in kept if clip.caption.strip()]
    captions = sorted(set(with_text))
    encoder = load_encoder(text_encoder)
    encoder.model.to("cuda" if torch.cuda.is_available() else "cpu")
    scratch = current().scratch
    scratch.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(captions), config.shard_captions)
    for number, start in enumerate(progress(starts, total=len(starts), unit="shards", label="embedding")):
        path = scratch / data.shard_name(number)
        if not path.exists():
            artifacts.replace_file(path, embed(encoder, captions[start : start + config.shard_captions], config))
    with artifacts.fresh(output) as folder:
        for number in range(len(starts)):
            shutil.copyfile(scratch / data.shard_name(number), folder / data.shard_name(number))
        return artifacts.describe(
            folder,
            data.KIND,
            inputs={"clips": clips, "text_encoder": text_encoder},
            counts={"captions": len(captions), "clips": len(kept), "clips_without_caption": len(kept) - len(with_text)},
            facts={"width": encoder.width, "text_tokens": config.formats.text_tokens},
        )


def embed(encoder: CaptionEncoder, captions: list[str], config: Config) -> bytes:
    """Return the bytes of one shard."""
    vectors: list[data.Vectors] = []
    for start in range(0, len(captions), config.batch_captions):
        found_BND, lengths_B = encoder.encode(
            captions[start : start + config.batch_captions], config.formats.text_tokens
        )
        halves_BND = found_BND.half().cpu().numpy()
        vectors += [rows_ND[:length] for rows_ND, length in zip(halves_BND, lengths_B.tolist(), strict=True)]
    return data.shard(captions, vectors)
