"""A line between quotation marks may begin with a minus; options stand before `--`, and are told of behind it."""

from __future__ import annotations

import pytest

from indexer.errors import UsageError
from search.shell.commands.query import QueryOptions
from search.shell.minus import said_of_options, with_line_behind

_ROWS = QueryOptions.rows(), QueryOptions.types()


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["-people beach"], ["--", "-people beach"]),
        (["-people beach", "-k", "2", "--json"], ["-k", "2", "--json", "--", "-people beach"]),
        (["sea", "-people beach", "--sort", "-date"], ["--sort", "-date", "--", "sea", "-people beach"]),
        (['-"two dogs" cat', "--", "-x"], ["--", '-"two dogs" cat', "-x"]),
        (["-has:gps type:jpeg", "--store=x"], ["--store=x", "--", "-has:gps type:jpeg"]),
        (["-k 2", "dog"], ["-k 2", "dog"]),
        (["-s ./my store", "dog"], ["-s ./my store", "dog"]),
        (["-k", "2", "--", "-has:gps"], ["-k", "2", "--", "-has:gps"]),
        (["dog", "-k", "2"], ["dog", "-k", "2"]),
    ],
)
def test_a_line_that_begins_with_a_minus_is_read(typed: list[str], read: list[str]) -> None:
    assert with_line_behind(*_ROWS, typed) == read


def test_the_advice_has_the_options_that_were_typed() -> None:
    with pytest.raises(UsageError, match=r"as in `search query -k 2 --sort -date -- -has:gps`\.$"):
        with_line_behind(*_ROWS, ["-has:gps", "-k", "2", "--sort", "-date"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-has:gps", "-k", "2"], "-k stands behind --, and was taken for a word; options go before it: "
         "`search query -k 2 -- -has:gps`."),
        (["dog", "-0"], "-0 stands behind --, and was taken for a word; options go before it: "
         "`search query -0 -- dog`."),
        (["-k"], "-k stands behind --, and was taken for a word; options go before it: `search query -k ...`."),
        (["-blue", "car"], None),
        (["k", "2"], None),
    ],
)  # fmt: skip
def test_options_behind_it_are_told(words: list[str], said: str | None) -> None:
    assert said_of_options(*_ROWS, words) == (() if said is None else (said,))
