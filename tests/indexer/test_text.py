"""Text from files and from people: one normal form, in bounded time."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.encoders import clip_tokenizer, wordpieces
from indexer.path_forms import spellings
from indexer.text import MAX_MARKS, clean_text, composed, folded, with_few_marks
from search.query.query import Query
from search.query.words import MAX_CHARACTERS

#: Two marks whose order has to be changed, as often as a query may be long.
MARKS = "a" + "\u0300\u0323" * (MAX_CHARACTERS // 2 - 1)


@given(st.text())
def test_ordinary_text_is_in_nfc(text: str) -> None:
    assert composed(text) == unicodedata.normalize("NFC", text)


@given(st.lists(st.sampled_from("a\u0300\u0323\u0301é \u1100\u1161"), max_size=200).map("".join))
def test_what_is_left_has_few_marks(text: str) -> None:
    marks = [unicodedata.combining(character) != 0 for character in with_few_marks(text)]
    longest = max((len(run) for run in "".join("x" if mark else " " for mark in marks).split()), default=0)
    assert longest <= MAX_MARKS
    assert with_few_marks(text) == text or longest == MAX_MARKS


def test_the_marks_that_scripts_write_stay() -> None:
    hebrew = "בְּרֵאשִׁ֖ית"
    assert composed(hebrew) == unicodedata.normalize("NFC", hebrew)
    assert clean_text("Cafe\u0301 " + "e" + "\u0323" * MAX_MARKS) == "Café ẹ" + "\u0323" * (MAX_MARKS - 1)


@pytest.mark.parametrize(
    "work",
    [
        lambda: clean_text(MARKS, 100_000),
        lambda: Query(text=MARKS),
        lambda: spellings(MARKS),
        lambda: clip_tokenizer.clean(MARKS),
        lambda: wordpieces._clean(MARKS),
    ],
    ids=["caption", "query", "path", "clip", "bundled"],
)
def test_marks_take_time_by_their_number_alone(work: object) -> None:
    """100,000 of them took 20 s to put in order."""
    started = time.process_time()
    assert callable(work)
    work()
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Caf\u00e9", "cafe"),
        ("Cafe\u0301", "cafe"),
        ("\u0141\u00f3d\u017a", "lodz"),
        ("Troms\u00f8", "tromso"),
        ("Stra\u00dfe", "strasse"),
        ("\u01fc", "ae"),
        ("\uff12\uff10\uff12\uff11", "2021"),
        ("\ud55c\uad6d", "\ud55c\uad6d"),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940"),  # signs of vowels stay
        ("\u30ac", "\u30ac"),  # and so does voicing
    ],
)
def test_what_does_not_count_where_texts_are_compared(text: str, plain: str) -> None:
    assert folded(text) == plain


def test_a_folded_character_stays_as_it_is() -> None:
    characters = [chr(number) for number in range(0x110000) if not 0xD800 <= number < 0xE000]
    assert [each for each in characters if folded(folded(each)) != folded(each)] == []
