"""Words that an encoder has no idea of are told, and words of English are not."""

from __future__ import annotations

import pytest

from indexer.encoders.coverage import is_read, unread_unknown, unread_words, words_of
from indexer.encoders.graph_encoder import GraphEncoder
from indexer.encoders.graph_model import bundled_folder
from indexer.encoders.wordpieces import WordPieces
from tests.fixtures.colour_encoder import ColourEncoder


@pytest.fixture(scope="module")
def bundled() -> GraphEncoder:
    return GraphEncoder(bundled_folder())


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("a corgi in khaki at the kiosk, 4x4", []),
        ("naïve café in Zürich, don’t", []),
        ("NAÏVE cafe\u0301 in Zürich", []),
        ("snowboarders and corgis jogging, t-shirts", []),
        ("an okapi, a stegosaurus, a menorah", []),
        ("chien", ["chien"]),
        ("a Hund and a Katze", ["Hund", "Katze"]),
        ("gigantic girafe", ["girafe"]),
        ("señorita", ["señorita"]),
        ("XK-2034 DSC01234", []),
        ("https://example.com/dog", []),
        ("beach AND dog", []),
        ("a" * 300, ["a" * 300]),
        ("IMG_1234", []),
        ("собака", ["собака"]),
        ("猫", ["猫"]),
        ("犬 and a dog", ["犬"]),
        ("dog 🐕!", ["🐕"]),
        ("हिन्दी", ["हिन्दी"]),
        ("xkcdvbn qwrtzp", ["xkcdvbn", "qwrtzp"]),
        ("!?", []),
        ("", []),
    ],
)
def test_the_bundled_encoder_reads_english(bundled: GraphEncoder, text: str, unread: list[str]) -> None:
    assert unread_words(bundled, text) == unread


def test_a_text_is_read_where_one_word_is(bundled: GraphEncoder) -> None:
    assert is_read(bundled, "собака dog")
    assert is_read(bundled, "?")
    assert not is_read(bundled, "собака 🐕")


def test_without_a_list_of_words_it_is_told_by_the_pieces() -> None:
    folder = bundled_folder()
    plain = WordPieces(folder / "tokenizer.json", 128)
    assert plain.unread("a Hund, xkcdvbn, 猫, 🐶") == ["xkcdvbn", "猫", "🐶"]


def test_an_encoder_that_does_not_say_reads_all() -> None:
    assert unread_words(ColourEncoder(), "собака") == []


def test_words_and_symbols_stand_apart_and_punctuation_for_nothing() -> None:
    assert list(words_of("a dog🐕, don't: «caf\u0065\u0301» 👩\u200d👧")) == [
        "a", "dog", "🐕", "don't", "cafe\u0301", "👩\u200d👧",
    ]  # fmt: skip


def test_a_tokenizer_of_many_languages_tells_what_it_does_not_know() -> None:
    assert unread_unknown("собака dog xyzzy", lambda word: None if word == "xyzzy" else 9) == ["xyzzy"]
