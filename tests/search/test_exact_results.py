"""An answer travels to another process and is the same there."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import pytest

import search
from indexer.places.place_names import PlaceNames
from indexer.types import Metadata
from search.exact_results import results_from_json, results_to_json
from search.rerank.explain import Explanation, WordMatch
from search.results import Cut, Hit, Results, Work


def there_and_back(results: Results) -> Results:
    return results_from_json(json.loads(json.dumps(results_to_json(results), allow_nan=False)))


def test_all_that_an_answer_can_hold() -> None:
    words = (
        WordMatch("red", 0.75, 1 / 3, (0.1, 0.2, 0.3, 0.4), ((0.5, 0.5),)),
        WordMatch("car", 0.25, -0.1, None, ((1.0, 0.0),)),
    )
    path = os.fsdecode(b"/p/\xff\xc3\xa9.jpg")
    about = Metadata(3, 2, "JPEG", "2024-05-03T18:20:11+02:00", "x", 1.5, -2.5, ("a", "b"), ("c",), "y")
    hit = Hit(
        *(1, "image", path, 0.1 + 0.2, 1 / 3, 2 / 3, "words", "/p/captions.txt", about),
        Explanation(words, ((0.1, 0.9),), (0.0, 0.1, 1.0, 0.9)),
        ("/p/b", path),
        *(True, True, datetime(2024, 5, 3, 18, 20, 11, 17), "taken"),
        PlaceNames("Kreuzberg", "Berlin", None, "Germany"),
        *("both", (1.5, -2.5), 0.25, False),
    )
    bare = Hit(2, "text", "/p/c", None, None, None)
    whole = Results(
        *("a red car", (hit, bare), ("a note",), {"search": 1 / 7}, Work(1, 2, 3, 4), True),
        *(Cut(0.05, 7, 1 / 3, False, False), None, None, "cursor", 1_234, True),
    )
    assert there_and_back(whole) == whole
    assert there_and_back(Results("x", reason="why")) == Results("x", reason="why")


@pytest.mark.parametrize("line", ["a cat", "a cat sort:date", "type:png", "a cat min:99%"])
def test_a_real_answer(indexed: Path, line: str) -> None:
    with search.open(indexed) as library:
        for explain in (False, True):
            found = library.query(search.Query.parse(line), explain=explain)
            assert there_and_back(found) == found
