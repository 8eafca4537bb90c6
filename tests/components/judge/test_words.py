from components.judge.words import UNKNOWN, Words


def test_words_that_come_once_are_unknown():
    words = Words.of(["A red square.", "a red circle"])
    assert words.known == ("a", "red")
    assert words.numbers(["A RED circle!"]).tolist() == [[2, 3, UNKNOWN]]


def test_shorter_texts_are_padded():
    words = Words(["a", "red"])
    assert words.numbers(["red", "a red", ""]).tolist() == [[3, 0], [2, 3], [0, 0]]
    assert words.numbers([""]).shape == (1, 1)
