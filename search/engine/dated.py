"""When and where the photographs of hits were taken, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from indexer.catalog.items import Item
from indexer.catalog.shown_facts import ShownFact, ShownFacts
from indexer.catalog.transaction import Transaction
from indexer.places.place_names import PlaceNames
from search.results import Hit

T = TypeVar("T", Hit, Item)


def dated(hits: Sequence[Hit], facts: Mapping[int, ShownFact]) -> tuple[Hit, ...]:
    """The hits with the dates and places of their photographs. `facts`: by item id. Only where one has a place the
    table of places is read."""
    return tuple(_dated(hit, facts.get(hit.id)) for hit in hits)


def dated_items(snapshot: Transaction, items: Sequence[Item]) -> tuple[Item, ...]:
    """The same of items."""
    facts = facts_of(snapshot, items)
    return tuple(_dated(item, facts.get(item.id)) for item in items)


def facts_of(snapshot: Transaction, items: Sequence[Item]) -> dict[int, ShownFact]:
    """What is shown of the facts of items, by their ids; of a text those of the photograph that it is about."""
    found = ShownFacts(snapshot).get([item.id for item in items if item.kind == "image"])
    texts = [item for item in items if item.kind == "text"]
    if texts:
        about = ShownFacts(snapshot).at(list({item.path for item in texts}))
        found |= {item.id: about[item.path] for item in texts if item.path in about}
    return found


def _dated(hit: T, known: ShownFact | None) -> T:
    if known is None:
        return hit
    return replace(hit, date=known.date, date_from=known.date_from, place=_place(known), position=known.position)


def _place(known: ShownFact) -> PlaceNames | None:
    if known.country is None:
        return None
    from indexer.places.gazetteer import places

    city = None if known.city is None else places().city(known.city)
    country = places().country_name(known.country)
    if city is not None:
        return PlaceNames(city.name, city.near, city.region, city.country_name)
    return None if country is None else PlaceNames(None, None, None, country)
