"""Words are folded and cut as they are kept and looked for."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.words import BREAK, MAX_TOKEN, column, name_parts, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A red car, at 18:30!", ["a", "red", "car", "at", "18", "30"]),
        ("Café CAFE\u0301 ２０２１ Straße", ["cafe", "cafe", "2021", "strasse"]),
        ("Łódź Tromsø İstanbul", ["lodz", "tromso", "istanbul"]),
        ("شَمْس", ["شمس"]),  # vowel marks are no letters
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),  # signs of vowels are
        ("한국어 사진", ["한국어", "사진"]),
        ("snake_case don't", ["snake", "case", "don", "t"]),
        ("🐈 — …", []),
    ],
)
def test_a_word_is_one_token_folded(text: str, found: list[str]) -> None:
    assert words(text) == [(token,) for token in found]


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    assert words("東京タワー2021年") == [("東", "京", "タ", "ワ", "ー"), ("2021",), ("年",)]
    assert words("ﾀﾜｰ") == words("タワー")
    assert words("ガス") != words("カス")  # voicing is no accent
    assert words("iPhone写真") == [("iphone",), ("写", "真")]
    assert [len(word) for word in words("น้ำตก")] == [5]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("IMG_20210504_101112", "IMG 20210504 101112"),
        ("beachSunset", "beach Sunset beachSunset"),
        ("DSC01234-edit", "DSC 01234 DSC01234 edit"),
        ("HTMLFile2", "HTML File 2 HTMLFile2"),
        ("été 2021", "été 2021"),
        ("beach2019", "beach 2019 beach2019"),
        ("IMG1234", "IMG 1234 IMG1234"),
        ("IMG20210604WA0001", "IMG 20210604 WA 0001 IMG20210604WA0001"),
        ("paris-2019-06", "paris 2019 06"),
        ("DSC_0042", "DSC 0042"),
        ("2019beach", "2019 beach 2019beach"),
        ("cafe2021", "cafe 2021 cafe2021"),
        ("canon5d", "canon 5 d canon5d"),
        ("iphone12pro", "iphone 12 pro iphone12pro"),
        ("s22ultra5g", "s 22 ultra 5 g s22ultra5g"),
        ("1472053993_bed67a3ba7", "1472053993 bed67a3ba7"),
        ("3373dad4d1", "3373dad4d1"),
        ("x9bed7k2cab5q", "x9bed7k2cab5q"),
        ("0b7a1d2e-dad4-4bed-8cab-5f5e1e2d3c4b bed2", "0b7a1d2e dad4 4bed 8cab 5f5e1e2d3c4b bed 2 bed2"),
    ],
)
def test_names_are_cut_where_one_word_goes_over_into_the_next(name: str, parts: str) -> None:
    assert name_parts(name).split() == parts.split()


def test_a_column_keeps_texts_apart_and_is_bounded() -> None:
    assert column(["A dog.", "", "…", "two cats"], 99) == f"a dog {BREAK} two cats"
    assert column(["one two three", "four"], 2) == "one two"
    assert words(BREAK) == []
    assert words("x" * 1_000) == [("x" * MAX_TOKEN,)]


@given(st.text())
def test_of_any_text_tokens_are_letters_digits_and_marks(text: str) -> None:
    for word in words(text):
        for token in word:
            assert token
            assert {unicodedata.category(character)[0] for character in token} <= {"L", "N", "M", "S", "C"}
            assert not any(
                character.isspace() or character in "\"'*()^:+-{}|\x00" or character == BREAK for character in token
            )


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Nd", "Zs"])))
def test_spellings_of_one_text_give_the_same_words(text: str) -> None:
    assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text))
