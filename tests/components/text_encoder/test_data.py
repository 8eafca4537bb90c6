"""One loader reads a trained encoder and a public T5 alike; padding and neighbors change no vector."""

from pathlib import Path

import pytest
import torch
from sentencepiece import SentencePieceTrainer
from transformers import T5ForConditionalGeneration

from components.text_encoder import data
from components.text_encoder.config import Train
from components.text_encoder.tokenization import train_tokenizer
from components.text_encoder.training import Training, architecture


@pytest.fixture
def encoder(train: Train, captions: list[str]) -> data.CaptionEncoder:
    tokenizer = train_tokenizer(captions, train.vocabulary)
    return data.CaptionEncoder(Training(train, 0, tokenizer, captions, 8).encoder(), tokenizer)


def test_vectors_are_zero_behind_the_length(encoder: data.CaptionEncoder) -> None:
    vectors_BND, lengths_B = encoder.encode(["a red star", ""], 6)
    assert vectors_BND.shape == (2, 6, encoder.width)
    assert vectors_BND.dtype == torch.float32
    assert lengths_B.tolist() == [4, 0]
    assert (vectors_BND[0, 4:] == 0).all()
    assert (vectors_BND[0, :4].abs().sum(1) > 0).all()
    assert (vectors_BND[1] == 0).all()


def test_a_long_text_keeps_its_beginning_and_its_end_mark(encoder: data.CaptionEncoder) -> None:
    whole, cut = encoder.tokens("a red star moves up", 20), encoder.tokens("a red star moves up", 4)
    assert cut == [*whole[:3], whole[-1]]
    assert encoder.encode(["a red star moves up"], 4)[1].tolist() == [4]


def test_neighbors_in_a_batch_change_nothing(encoder: data.CaptionEncoder) -> None:
    alone_BND, _ = encoder.encode(["a red star"], 8)
    beside_BND, _ = encoder.encode(["a blue circle moves up", "a red star", ""], 8)
    torch.testing.assert_close(alone_BND[0], beside_BND[1])


def test_only_empty_texts_have_no_vectors(encoder: data.CaptionEncoder) -> None:
    assert encoder.encode(["", "  "], 4)[1].tolist() == [0, 0]
    assert encoder.encode([], 4)[0].shape == (0, 4, encoder.width)


def test_what_is_saved_is_what_is_read(encoder: data.CaptionEncoder, tmp_path: Path) -> None:
    data.save(tmp_path, encoder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert torch.equal(data.load(tmp_path).encode(["a red star"], 8)[0], encoder.encode(["a red star"], 8)[0])


def test_a_public_t5_with_a_sentencepiece_model_is_read(train: Train, captions: list[str], tmp_path: Path) -> None:
    text = tmp_path / "captions.txt"
    text.write_text("\n".join(captions))
    SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(tmp_path / "spiece"),
        vocab_size=26,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    T5ForConditionalGeneration(architecture(train, 126)).save_pretrained(tmp_path)
    encoder = data.load(tmp_path)
    vectors_BND, lengths_B = encoder.encode(["a red star", ""], 16)
    assert lengths_B[0] > 1
    assert encoder.tokens("a red star", 16)[-1] == 1
    data.save(tmp_path / "again", encoder)
    torch.testing.assert_close(data.load(tmp_path / "again").encode(["a red star", ""], 16)[0], vectors_BND)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="run the stage that makes it"):
        data.load(tmp_path)
