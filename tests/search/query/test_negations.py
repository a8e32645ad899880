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
        ("beach sunset no people", "no", "beach sunset -people"),
        ("a beach with no people", "no", "beach -people"),
        ("street with no cars in the rain", "no", "street in the rain -cars"),
        ("a beach but no people", "no", "beach -people"),
        ("a dog not on a leash", "not", "dog -leash"),
        ("a man not wearing a hat", "not", "man -hat"),
        ("bike w/o rider", "w/o", "bike -rider"),
        ("street sans cars", "sans", "street -cars"),
        ("animals except dogs", "except", "animals -dogs"),
        ("beach without people or dogs", "without", "beach -people -dogs"),
        ("beach without people and a dog", "without", "beach and a dog -people"),
        ("beach with no people and no dogs", "no", "beach -people -dogs"),
        ("beach with no sign of people", "no", "beach -people"),
        ("street with nobody", "nobody", "street -people"),
        ("street with no one", "no one", "street -people"),
        ("a sign and no dog", "no", "sign -dog"),
        ("dog + no cat", "no", "dog -cat"),
    ],
)
def test_it_is_said_what_leaves_out_and_that_is_read_so(line: str, said: str, example: str) -> None:
    parsed = parse(line)
    assert parsed.notes == (f'"{said}" is hardly read; to leave something out write {example}.',)
    assert all(term.weight == 1 for term in parsed.terms)
    wanted, *unwanted = parse(example).terms
    assert wanted.weight == 1
    assert unwanted
    assert all(term.weight == -1 for term in unwanted)
    assert parse(example).notes == ()


@pytest.mark.parametrize(
    "line",
    ["a dog", '"no dog"', 'beach "without people"', "a sign that says no", "nothing", "notes", "no", "without",
     "no the", "beach without the", 'dog -"without"', "withoutpeople", "knot on rope",
     "in:2021 not dog", "a man with nothing", "no parking", "a no parking sign", "no dogs allowed", "no dogs sign",
     "forget me not flowers", "to be or not to be", "comic sans", "sans serif letters", "no 5 on a door", "no entry",
     "a house nobody lives in", "do not enter", "not only dogs"],
)  # fmt: skip
def test_of_others_nothing_is_said(line: str) -> None:
    assert not any("hardly read" in note for note in parse(line).notes)


@pytest.mark.parametrize(
    "words",
    [["a beach without people"], ["no", "dog"], ["No dog"], ["a", "beach", "with", "no", "people"],
     ["street sans cars"], ["bike w/o rider"],
     ["beach,", "no", "people"], ["street with nobody"], ["all except, say, dogs"]],
)  # fmt: skip
def test_the_command_says_it_too(words: list[str]) -> None:
    query, notes = read_query(words, as_text=False, as_image=False)
    assert query.text == " ".join(words)
    assert any("hardly read" in note for note in (*query.notes, *notes))
