"""Every caption of the kept clips is embedded once, and a killed run loses no finished shard."""

from pathlib import Path

import numpy as np
import pytest

from components.common import artifacts, runtime
from components.common.formats import Formats
from components.common.optimization import Optimization
from components.embed_text import data, stage
from components.embed_text.config import Config
from components.filter.data import Clips
from components.text_encoder import data as text_encoder
from components.text_encoder.config import Train
from components.text_encoder.tokenization import train_tokenizer
from components.text_encoder.training import Training


@pytest.fixture
def config(formats: Formats) -> Config:
    return Config(formats, 1, 2, 3)


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """An untrained text encoder as an artifact."""
    optimization = Optimization(1, 0.001, 0.0, 0, (0.9, 0.999), 0.0, 1.0)
    train = Train(256, 16, 1, 2, 8, 32, 0.0, 0.3, 1.5, optimization, 1, 1)
    tokenizer = train_tokenizer(["a red square"], train.vocabulary)
    model = Training(train, 0, tokenizer, ["a red square"], 16).encoder()
    with artifacts.fresh(tmp_path / "encoder") as folder:
        text_encoder.save(folder, text_encoder.CaptionEncoder(model, tokenizer))
        artifacts.describe(folder, text_encoder.KIND, inputs={}, counts={})
    return tmp_path / "encoder"


def test_every_caption_gets_the_encoders_vectors(
    config: Config, encoder: Path, kept_clips: Path, tmp_path: Path, formats: Formats
) -> None:
    summary = stage.run(config, clips=kept_clips, text_encoder=encoder, output=tmp_path / "output")
    captions = {clip.caption for clip in Clips(kept_clips)} - {""}
    assert summary.counts == {"captions": len(captions), "clips": 14, "clips_without_caption": 1}
    embeddings, model = data.Embeddings(tmp_path / "output"), text_encoder.load(encoder)
    assert len(embeddings) == len(captions)
    for caption in sorted(captions):
        vectors_BND, lengths_B = model.encode([caption], formats.text_tokens)
        found_ND = embeddings.lookup(caption)
        assert found_ND.shape == (lengths_B[0], embeddings.width)
        np.testing.assert_allclose(found_ND, vectors_BND[0, : lengths_B[0]].numpy(), atol=2e-3)


def test_a_killed_run_keeps_its_shards_and_ends_with_the_same_bytes(
    config: Config, encoder: Path, kept_clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.run(config, clips=kept_clips, text_encoder=encoder, output=tmp_path / "undisturbed")
    embed, calls = stage.embed, []

    def killed(*arguments: object) -> bytes:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return embed(*arguments)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(stage, "embed", killed)
    with runtime.use(runtime.Runtime(tmp_path / "scratch", tmp_path / "cache")):
        with pytest.raises(KeyboardInterrupt):
            stage.run(config, clips=kept_clips, text_encoder=encoder, output=tmp_path / "output")
        stage.run(config, clips=kept_clips, text_encoder=encoder, output=tmp_path / "output")
    shards = len(list((tmp_path / "output").glob("*.arrow")))
    assert len(calls) == shards + 1
    assert artifacts.digest(tmp_path / "output") == artifacts.digest(tmp_path / "undisturbed")
