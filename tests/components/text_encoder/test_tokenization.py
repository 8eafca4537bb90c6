"""The tokenizer is the same file every time and spells what it has never seen."""

from components.text_encoder.tokenization import END_ID, FIRST_SENTINEL_ID, UNKNOWN_ID, train_tokenizer


def test_equal_captions_give_equal_files(captions: list[str]) -> None:
    assert train_tokenizer(captions, 300).to_str() == train_tokenizer(captions, 300).to_str()


def test_known_words_are_pieces_and_unknown_ones_are_spelled(captions: list[str]) -> None:
    tokenizer = train_tokenizer(captions, 300)
    assert tokenizer.encode("A red star").tokens == ["▁a", "▁red", "▁star", "</s>"]
    assert UNKNOWN_ID not in tokenizer.encode("zebra, 12!").ids
    assert tokenizer.encode("zebra").ids[-1] == END_ID
    assert tokenizer.encode("\u2603").ids[:-1].count(UNKNOWN_ID) == 1


def test_special_tokens_have_t5s_places(captions: list[str]) -> None:
    tokenizer = train_tokenizer(captions, 300)
    assert [tokenizer.token_to_id(token) for token in ("<pad>", "</s>", "<unk>")] == [0, 1, 2]
    assert tokenizer.token_to_id("<extra_id_0>") == FIRST_SENTINEL_ID
