from components.judge.caption_vocabulary import UNKNOWN, CaptionVocabulary


def test_words_that_come_once_are_unknown():
    vocabulary = CaptionVocabulary.learned(["A red square.", "a red circle"])
    assert vocabulary.known == ("a", "red")
    assert vocabulary.ids(["A RED circle!"]).tolist() == [[2, 3, UNKNOWN]]


def test_shorter_texts_are_padded():
    vocabulary = CaptionVocabulary(["a", "red"])
    assert vocabulary.ids(["red", "a red", ""]).tolist() == [[3, 0], [2, 3], [0, 0]]
    assert vocabulary.ids([""]).shape == (1, 1)
