"""An answer as JSON to the last digit and byte, and back: for one process of a user to hand to another.

What others read is `Results.to_json`, where numbers are rounded.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from indexer.places.place_names import PlaceNames
from indexer.types import Metadata
from search.results import Cut, Hit, Results, Work

if TYPE_CHECKING:
    from search.rerank.explain import Explanation


def results_to_json(results: Results) -> dict[str, Any]:
    """Of an answer that is no error. Paths that are no UTF-8 have surrogates, as in Python."""
    assert results.error is None
    said = asdict(results)
    del said["error"]
    for hit in said["hits"]:
        if hit["date"] is not None:
            hit["date"] = hit["date"].isoformat()
    return said


def results_from_json(said: dict[str, Any]) -> Results:
    """The inverse. Raises KeyError, TypeError and ValueError for what is none."""
    cut = said["cut"]
    made = {
        "hits": tuple(map(_hit, said["hits"])),
        "notes": tuple(said["notes"]),
        "work": Work(**said["work"]),
        "cut": None if cut is None else Cut(**cut),
    }
    return Results(**{**said, **made})


def _hit(said: dict[str, Any]) -> Hit:
    about, place, date, position = said["metadata"], said["place"], said["date"], said["position"]
    explained = said["explanation"]
    made = {
        "metadata": None if about is None else _metadata(about),
        "explanation": None if explained is None else _explanation(explained),
        "also": tuple(said["also"]),
        "date": None if date is None else datetime.fromisoformat(date),
        "place": None if place is None else PlaceNames(**place),
        "position": None if position is None else tuple(position),
    }
    return Hit(**{**said, **made})


def _metadata(said: dict[str, Any]) -> Metadata:
    return Metadata(**{**said, "captions": tuple(said["captions"]), "keywords": tuple(said["keywords"])})


def _explanation(said: dict[str, Any]) -> Explanation:
    from search.rerank.explain import Explanation, WordMatch

    words = (
        WordMatch(
            **{
                **each,
                "box": None if each["box"] is None else tuple(each["box"]),
                "attention": tuple(map(tuple, each["attention"])),
            }
        )
        for each in said["words"]
    )
    left, upper, right, lower = said["area"]
    return Explanation(tuple(words), tuple(map(tuple, said["grid"])), (left, upper, right, lower))
