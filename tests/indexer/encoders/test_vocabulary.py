"""A list of words says of a word whether it was learned."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from indexer.encoders.graph_model import WORDS, bundled_folder
from indexer.encoders.vocabulary import Vocabulary, write_words
from indexer.errors import EncoderUnavailableError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "words.txt"
    write_words(made, ["snow", "board", "corgi", "jog", "bake", "cafe", "fly", "zebra", "aardvark", "zebra"])
    return made


def test_the_file_is_a_sum_and_sorted_lines(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines[0]) == 64
    assert lines[1:] == ["aardvark", "bake", "board", "cafe", "corgi", "fly", "jog", "snow", "zebra"]


@pytest.mark.parametrize(
    "word",
    ["zebra", "aardvark", "Zebra", "corgis", "jogging", "baked", "baking", "bakers", "snowy", "boardless", "snowboard",
     "snowboards", "snowboarder", "café", "cafe\u0301", "zebra's", "zebra’s", "bmx", "xy"],
)  # fmt: skip
def test_words_forms_and_halves_are_known(file: Path, word: str) -> None:
    assert Vocabulary(file).knows(word)


@pytest.mark.parametrize(
    "word", ["zebr", "ebra", "chien", "zebraa", "snowxyzz", "xyzzsnow", "flyboar", "hund", "bra\nke"]
)
def test_others_are_not(file: Path, word: str) -> None:
    assert not Vocabulary(file).knows(word)


def test_the_halves_of_a_word_have_four_letters(file: Path) -> None:
    assert not Vocabulary(file).knows("flysnow")


def test_the_list_is_bisected_as_its_bytes_are_sorted(tmp_path: Path) -> None:
    words = ["e", "zoo", "aaaa", "abba", "über", "çava", "abbas", "abbasi", "zzzz"]
    write_words(tmp_path / "words.txt", words)
    known = Vocabulary(tmp_path / "words.txt")
    assert all(known._has(word) for word in words)
    assert not any(known._has(word) for word in ["", "a", "abb", "abbasis", "zzzzz", "\n", "aaaa\nabba", "überx"])


def test_long_texts_are_read_quickly() -> None:
    shipped = Vocabulary(bundled_folder() / WORDS)
    start = time.process_time()
    assert not shipped.knows("snow" * 25_000)
    assert not any(shipped.knows(f"xqz{number}qzx") for number in range(5_000))
    assert time.process_time() - start < 3


def test_a_file_that_is_not_what_was_written_is_damaged(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[70] ^= 1
    file.write_bytes(data)
    with pytest.raises(EncoderUnavailableError, match=r"words\.txt is damaged; install the package again"):
        Vocabulary(file).knows("zebra")
    file.write_bytes(bytes(data[:30]))
    with pytest.raises(EncoderUnavailableError, match="is damaged"):
        Vocabulary(file).knows("zebra")
    file.unlink()
    with pytest.raises(EncoderUnavailableError, match="out of reach"):
        Vocabulary(file).knows("zebra")


def test_the_list_that_ships_is_whole() -> None:
    shipped = Vocabulary(bundled_folder() / WORDS)
    assert all(map(shipped.knows, ["photograph", "skateboarder", "weimaraner", "okapi", "colour", "color", "frisbees"]))
    assert not any(map(shipped.knows, ["voiture", "Hund", "gato", "spiaggia", "bycicle"]))
