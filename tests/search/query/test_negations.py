"""Words that say what is not to be there are told of the minus."""

from __future__ import annotations

import pytest

from search.query.parser import parse
from search.shell.query_argument import read_query


@pytest.mark.parametrize(
    ("line", "said", "example"),
    [
        ("a beach without people", "without", "beach -people"),
        ("a beach without any people at sunset", "without", "beach at sunset -people"),
        ("street without parked cars!", "without", 'street -"parked cars"'),
        ("without people", "without", "photo -people"),
        ("no dog", "no", "photo -dog"),
        ("No dog.", "No", "photo -dog"),
        ("not a dog", "not", "photo -dog"),
        ("no people on the beach", "no", "beach -people"),
        ("in:2021 no dog", "no", "photo -dog"),
        ("house without t-shirt", "without", "house -t-shirt"),
    ],
)
def test_it_is_said_what_leaves_out_and_that_is_read_so(line: str, said: str, example: str) -> None:
    parsed = parse(line)
    assert parsed.notes == (f'"{said}" is hardly read; to leave something out write {example}.',)
    assert [term.weight for term in parsed.terms] == [1]
    wanted, unwanted = parse(example).terms
    assert (wanted.weight, unwanted.weight) == (1, -1)
    assert parse(example).notes == ()


@pytest.mark.parametrize(
    "line",
    ["a dog", '"no dog"', 'beach "without people"', "a sign that says no", "nothing", "notes", "no", "without",
     "no the", "beach without the", 'dog -"without"', "withoutpeople", "dog + no cat", "knot on rope",
     "in:2021 not dog"],
)  # fmt: skip
def test_of_others_nothing_is_said(line: str) -> None:
    assert not any("hardly read" in note for note in parse(line).notes)


@pytest.mark.parametrize("words", [["a beach without people"], ["no", "dog"], ["No dog"]])
def test_the_command_says_it_too(words: list[str]) -> None:
    query, notes = read_query(words, as_text=False, as_image=False)
    assert query.text == " ".join(words)
    assert any("hardly read" in note for note in (*query.notes, *notes))
