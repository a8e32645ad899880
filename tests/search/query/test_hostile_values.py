"""Values that are SQL, MATCH, LIKE, GLOB or format strings, in every field of the table, against a store on disk: each
is a value like any other, or is refused in a sentence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from PIL import Image

import search
from indexer.catalog.derivation import folded_name
from indexer.errors import SearchError
from search.query.fields import FIELDS, OF_ANY_TEXT
from search.query.filter import Filter
from search.query.query import Query
from search.query.quoting import quoted
from tests.fixtures.colour_encoder import ColourEncoder

HOSTILE = (
    "' OR '1'='1",
    '" OR 1=1 --',
    "'); DROP TABLE fact; --",
    "x' UNION SELECT id FROM item --",
    "%",
    "_",
    "*",
    "plain%",
    "pl_in",
    "pl*in OR b",
    "NEAR(plain caption, 2)",
    "captions : plain",
    "{captions keywords} : plain",
    "^plain",
    "plain AND",
    "[a-z]lain",
    "\\",
    "%s %(x)s {0} {x} :x ?1 $1",
    "\0",
    "plain\0",
    "\x1b[31m",
    "\ud800",
    "x" * 1_000,
    "../../etc/passwd",
    "${HOME} `id` $(id)",
    "<script>alert(1)</script>",
    "NULL",
    "1e999",
    "nan",
    "0x10",
    "-1",
    "9" * 40,
)
T = TypeVar("T")
FILTERS = [name for name, field in FIELDS.items() if field.role == "filter"]
#: What is a pattern of everything, or the root of the file system as Windows writes it.
EVERYTHING = {("name", "*"), ("path", "*"), ("path", "\\")}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[search.Library]:
    """Photographs whose names are the hostile values, and one that is plain and says so."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "photos").mkdir()
    names = [f"{value}.png" for value in HOSTILE if value.isprintable() and "/" not in value and len(value) < 200]
    for name in ("plain.png", *names):
        Image.new("RGB", (4, 4), "red").save(folder / "photos" / name)
    with open(folder / "photos" / "captions.jsonl", "w") as captions:
        captions.write('{"image": "plain.png", "caption": "a plain caption"}\n')
    with search.open(folder / "store", encoder=ColourEncoder()) as opened:
        report = opened.index(folder / "photos")
        assert (report.failures, report.encoded + report.reused) == ([], 1 + len(names))
        yield opened


def found(library: search.Library, query: Query) -> set[str]:
    answer = library.query(query, k=200, all_copies=True)
    return {Path(hit.path).name for hit in answer}


def both_sides(library: search.Library, where: Filter) -> tuple[set[str], set[str]]:
    """What fits, and what does not."""
    return found(library, Query(where=where)), found(library, Query(where=~where))


def is_named(name: str, value: str) -> bool:
    """What `name:` says, in plain Python."""
    if not set("*?") & set(value):
        return value in name
    pattern = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in value)
    return re.fullmatch(pattern, name, re.DOTALL) is not None


def outcome(ask: Callable[[], T]) -> T | str:
    """What was found, or the one sentence by which it was refused."""
    try:
        return ask()
    except SearchError as error:
        said = str(error)
    assert "\n" not in said
    assert said.endswith((".", "?"))
    return said


@pytest.fixture(scope="module")
def everything(library: search.Library) -> set[str]:
    return found(library, Query(sort="name"))


def digest(library: search.Library) -> str:
    return hashlib.sha256((Path(library.folder) / "catalog.sqlite").read_bytes()).hexdigest()


@pytest.mark.parametrize("field", FILTERS)
def test_a_filter_takes_it_for_a_value(library: search.Library, everything: set[str], field: str) -> None:
    before, refused = digest(library), 0
    attribute = "taken" if field == "in" else field
    for value in HOSTILE:
        line, given = f"{field}:{quoted(value)}", {attribute: value}
        readings = [outcome(partial(Filter.parse, line)), outcome(partial(Filter, **given))]  # type: ignore[arg-type]
        assert isinstance(readings[0], str) == isinstance(readings[1], str), value
        refused += isinstance(readings[0], str)
        for where in {each for each in readings if isinstance(each, Filter)}:
            answers = outcome(partial(both_sides, library, where))
            if isinstance(answers, str):  # no place of this name, no words
                refused += field in ("near", "country")
                continue
            answer, opposite = answers
            assert answer | opposite == everything
            assert not answer & opposite
            if (field, value) in EVERYTHING:
                assert answer == everything
            elif field == "name":
                assert answer == {name for name in everything if is_named(folded_name(name), folded_name(value))}, value
            else:
                assert "plain.png" not in answer or field in ("text", "keyword"), (value, answer)
    assert digest(library) == before
    free = field in OF_ANY_TEXT or field == "near"  # there is a place called Nan
    assert refused < len(HOSTILE) if free else refused >= len(HOSTILE)


def test_words_of_text_are_never_operators_of_match(library: search.Library) -> None:
    for value, finds in (
        ("plain", True),
        ("^plain", True),
        ("pl*in", False),
        ("plain OR nothing", False),
        ("plain NOT caption", False),
        ("NEAR(plain caption, 2)", False),
        ("captions : plain", False),
        ('plain" OR "x', False),
    ):
        for where in (Filter.parse(f"text:{quoted(value)}"), Filter(text=value)):
            assert ("plain.png" in found(library, Query(where=where))) == finds, value


@pytest.mark.parametrize("field", [name for name in FIELDS if name not in FILTERS])
def test_terms_and_settings_take_it_for_words_or_refuse_it(library: search.Library, field: str) -> None:
    before = digest(library)
    for value in HOSTILE:
        line = f"red {field}:{quoted(value)}"
        answer = outcome(lambda: found(library, Query.parse(line)))  # noqa: B023
        assert isinstance(answer, str) or field == "not", value
    assert digest(library) == before
