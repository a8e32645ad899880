"""The contact sheet: one HTML file with the hits as pictures, nothing loaded from anywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.counted import counted
from search.engine.indexed_file import Indexed
from search.html.heat_map import Chip, Layer, chips, fit_of, frame_size, layers, share_of, shown_words
from search.html.page import Picture, encoded, picture, pictures, render, write_page
from search.query.query import Query
from search.results import NOTHING_MATCHES, Hit, Results, percent

#: Of a hit at a path at which nothing was indexed.
UNKNOWN = Indexed("", inside=False)
#: Shape of the place for a picture.
PLACE = (4, 3)
#: Longest side of a picture on the sheet, in pixels: sharp on a dense screen at the width of a column.
SIDE = 480


@dataclass(frozen=True, slots=True)
class Card:
    """One hit as the sheet shows it. `picture`: a data: address, or why there is none; `frame`: CSS of a frame for the
    `layers` over it; `nothing_found`: none of the `words` was."""

    hit: Hit
    picture: Picture
    probability: str
    facts: str
    frame: str = ""
    layers: tuple[Layer, ...] = ()
    words: tuple[Chip, ...] = ()
    nothing_found: bool = False


def write_sheet(path: Path, results: Results, query: Query, indexed: Mapping[str, Indexed]) -> None:
    """Write the sheet to `path`, all or nothing. Raises UsageError when that cannot be written."""
    write_page(path, sheet(results, query, indexed), "The contact sheet")


def sheet(results: Results, query: Query, indexed: Mapping[str, Indexed]) -> str:
    """The page. Pictures are read from the files as they are now, and shown where they are what was `indexed` at their
    paths; others leave their place empty."""
    shown = pictures({hit.path: indexed.get(hit.path, UNKNOWN) for hit in results}, SIDE)
    by_date = query.sort in ("date", "-date") or (not query.terms and query.sort in (None, "score"))
    explanations = [hit.explanation for hit in results if hit.explanation is not None]
    return render(
        "contact_sheet.html.j2",
        asked=query.label if query.image is None else os.path.basename(query.image),
        query_image=_asked_with(query),
        count=_count(results),
        notes=results.notes,
        explained=shown_words(explanations),
        legend=chips(explanations[0], share_of) if explanations else (),
        cards=[_card(hit, shown[hit.path], by_date) for hit in results],
    )


def _count(results: Results) -> str:
    if not results:
        return results.absence
    if results.nothing_matches:
        return NOTHING_MATCHES
    if results.rest is None:
        return counted(len(results), "hit")
    return f"{len(results):,} of {'more than ' if results.more_matches else ''}{results.matches:,} hits"


def _asked_with(query: Query) -> str | None:
    """A data: address of the query's image, of several the first that is added; "" when it cannot be shown, None where
    only words are added."""
    image = next((term for term in query.terms if term.kind == "image" and term.weight > 0), None)
    if image is None:
        return None
    if image.image is not None:
        return picture(image.image, None, SIDE).address or ""
    return encoded(image.image_bytes or b"", SIDE) or ""


def _card(hit: Hit, shown: Picture, by_date: bool) -> Card:
    explanation, about, facts = hit.explanation, hit.metadata, _facts(hit, by_date)
    chance = hit.match or ("" if hit.probability is None else percent(hit.probability))
    if explanation is None or about is None:
        return Card(hit, shown, chance, facts)
    frame = frame_size(about.width, about.height, *PLACE)
    words = chips(explanation, fit_of)
    return Card(hit, shown, chance, facts, frame, layers(explanation), words, bool(words) and not explanation.found)


def _facts(hit: Hit, by_date: bool) -> str:
    """`by_date`: it stands where it does for its date, whatever that is known from."""
    about = hit.metadata
    facts = [] if about is None else [f"{about.width} × {about.height}"]
    if hit.date is not None and (by_date or hit.date_from != "file"):
        facts.append(f"{hit.date:%Y-%m-%d %H:%M}")
    if hit.place is not None:
        facts.append(str(hit.place))
    if about is not None and about.camera is not None:
        facts.append(about.camera)
    if hit.found_by == "words":
        facts.append("found by its words")
    return " · ".join(facts)
