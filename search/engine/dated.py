"""When and where the photographs of hits were taken, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from indexer.catalog.shown_facts import ShownFact
from search.results import Hit, PlaceNames


def dated(hits: Sequence[Hit], facts: Mapping[int, ShownFact]) -> tuple[Hit, ...]:
    """The hits with the dates and places of their photographs. `facts`: by item id. Only where one has a place the
    table of places is read."""
    return tuple(_dated(hit, facts.get(hit.id)) for hit in hits)


def _dated(hit: Hit, known: ShownFact | None) -> Hit:
    if known is None:
        return hit
    return replace(hit, date=known.date, date_from=known.date_from, place=_place(known))


def _place(known: ShownFact) -> PlaceNames | None:
    if known.country is None:
        return None
    from indexer.places.gazetteer import places

    city = None if known.city is None else places().city(known.city)
    country = places().country_name(known.country)
    if city is not None:
        return PlaceNames(city.name, city.near, city.region, city.country_name)
    return None if country is None else PlaceNames(None, None, None, country)
