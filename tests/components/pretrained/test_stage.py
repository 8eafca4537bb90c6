"""Declared files with declared bytes arrive, and nothing else does."""

from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from tokenizers import Tokenizer, models
from transformers import T5Config, T5EncoderModel

from components.common.artifacts import digest, hash_file, read_manifest
from components.common.errors import DataError, Retryable
from components.common.runtime import Runtime, use
from components.pretrained.config import Config, PretrainedModel
from components.pretrained.stage import run
from components.text_encoder import data as text_encoder

COMMIT = "b" * 40


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder such as a hub gives: a tiny T5, and a file that nobody asked for."""
    folder = tmp_path / "weights"
    T5EncoderModel(T5Config(vocab_size=8, d_model=4, d_kv=2, d_ff=4, num_layers=1, num_heads=2)).save_pretrained(folder)
    Tokenizer(models.WordLevel({"a": 3, "</s>": 1, "<unk>": 2}, unk_token="<unk>")).save(str(folder / "tokenizer.json"))
    (folder / "README.md").write_text("unasked for")
    return folder


def declared(folder: Path) -> dict[str, str]:
    return {name: hash_file(folder / name) for name in ("config.json", "model.safetensors", "tokenizer.json")}


def local(folder: Path, identity: str | None = None) -> Config:
    return Config(1, (PretrainedModel("t5", "file", identity or str(folder), "", declared(folder), "Apache-2.0"),))


def test_no_models_make_an_empty_valid_artifact(tmp_path: Path) -> None:
    assert run(Config(1, ()), output=tmp_path / "out").counts == {"files": 0, "models": 0}
    assert digest(tmp_path / "out")


def test_a_local_t5_arrives_and_is_read_as_text_encoder(weights: Path, tmp_path: Path) -> None:
    summary = run(local(weights), output=tmp_path / "out")
    assert summary.counts == {"files": 3, "models": 1}
    assert read_manifest(tmp_path / "out").facts == {"licenses": {"t5": "Apache-2.0"}}
    assert not (tmp_path / "out" / "t5" / "README.md").exists()
    assert text_encoder.load(tmp_path / "out" / "t5").width == 4


def test_an_alias_finds_the_folder_without_naming_a_machine(weights: Path, tmp_path: Path) -> None:
    with use(Runtime(tmp_path / "scratch", tmp_path / "cache", {"mine": weights.parent})):
        run(local(weights, "mine:weights"), output=tmp_path / "out")
    with pytest.raises(ValueError, match="no root is called `mine`"):
        run(local(weights, "mine:weights"), output=tmp_path / "out2")


def test_a_single_file_may_be_named(weights: Path, tmp_path: Path) -> None:
    file = weights / "model.safetensors"
    model = PretrainedModel("raw", "file", str(file), "", {file.name: hash_file(file)}, "")
    run(Config(1, (model,)), output=tmp_path / "out")
    assert (tmp_path / "out" / "raw" / file.name).is_file()


def test_other_bytes_than_declared_leave_nothing_behind(weights: Path, tmp_path: Path) -> None:
    config = local(weights)
    (weights / "config.json").write_text("{}")
    with pytest.raises(DataError, match=r"config\.json has sha256 .* do not use it"):
        run(config, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_weights_say_where_to_put_them(weights: Path, tmp_path: Path) -> None:
    config = local(weights)
    (weights / "config.json").unlink()
    with pytest.raises(DataError, match=r"config\.json is not in"):
        run(config, output=tmp_path / "out")
    with pytest.raises(ValueError, match=r"put a\.bin there"):
        run(
            Config(1, (PretrainedModel("t5", "file", str(tmp_path / "absent"), "", {"a.bin": "a" * 64}, ""),)),
            output=tmp_path / "out",
        )


def test_the_hub_is_asked_for_the_declared_files_of_the_revision(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def snapshot_download(repository: str, **options: object) -> str:
        asked.update(options, repository=repository)
        return str(weights)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    model = PretrainedModel("t5", "huggingface", "google/t5-v1_1-xl", COMMIT, declared(weights), "Apache-2.0")
    with use(Runtime(tmp_path / "scratch", tmp_path / "cache")):
        run(Config(1, (model,)), output=tmp_path / "out")
    assert asked == {
        "repository": "google/t5-v1_1-xl",
        "revision": COMMIT,
        "allow_patterns": ["config.json", "model.safetensors", "tokenizer.json"],
        "cache_dir": tmp_path / "cache" / "huggingface",
    }


def test_without_a_network_the_way_around_is_told(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def snapshot_download(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    model = PretrainedModel("t5", "huggingface", "google/t5-v1_1-xl", COMMIT, declared(weights), "Apache-2.0")
    with pytest.raises(Retryable, match=r"hf download google/t5-v1_1-xl config\.json .* set kind: file"):
        run(Config(1, (model,)), output=tmp_path / "out")
