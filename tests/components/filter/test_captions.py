import pytest

from components.filter import captions


@pytest.mark.parametrize(
    "caption",
    [
        "https://example.org/watch?v=1",
        "www.example.org/clip",
        "holiday video (2).MP4",
        "DSC_0012",
        "IMG 2031",
        "screenshot 2024-01-02",
        "12345 - 678",
        "…",
    ],
)
def test_addresses_names_of_files_and_numbers_are_boilerplate(caption: str) -> None:
    assert captions.is_boilerplate(caption, ())


@pytest.mark.parametrize(
    "caption", ["a red square moves left", "video of a dog", "Ein Hund. 3 Katzen", "see dog.mp4 run"]
)
def test_words_about_the_picture_are_not(caption: str) -> None:
    assert not captions.is_boilerplate(caption, ())


def test_patterns_of_the_user_are_found_anywhere_in_any_case() -> None:
    assert captions.is_boilerplate("A dog. Stock Footage, 4K", ["stock footage"])


def test_a_caption_is_counted_once_a_source_and_alike_whatever_its_case_and_spacing() -> None:
    found = captions.wordings(
        [
            ("A dog runs.", "1"),
            ("A dog runs.", "1"),
            ("a  dog runs", "2"),
            ("a cat sleeps", "3"),
            ("a fox", "4"),
            ("", "5"),
        ]
    )
    assert {caption: wording.duplicate_captions for caption, wording in found.items()} == {
        "A dog runs.": 1,
        "a  dog runs": 1,
        "a cat sleeps": 0,
        "a fox": 0,
    }
    assert found["a  dog runs"].words == 3


def test_the_language_of_a_sentence_is_found() -> None:
    assert captions.language("a man in an office is talking to a woman about the weather") == "en"
    assert captions.language("ein Mann spricht im Büro mit einer Frau über das Wetter") == "de"
    assert captions.language("un homme parle avec une femme dans un bureau de la météo") == "fr"
