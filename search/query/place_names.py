"""Places and countries by their names, from the table that ships."""

from __future__ import annotations

from typing import Final

from indexer.errors import UsageError
from search.query.quoting import quoted_where_needed
from search.query.values import parse_near

#: Other places of one name that a note names.
_OTHERS: Final = 3
#: Words behind the first that are looked at for the name of one place.
MOST_WORDS: Final = 4


def is_named(field: str, text: str) -> bool:
    """Whether `near:` or `country:` has a place or a position in these words together."""
    from indexer.places.gazetteer import places

    if field == "country":
        return places().country(text) is not None
    try:
        place = parse_near(text).place
    except UsageError:
        return False
    if not isinstance(place, str):
        return True
    if "," in text and " " not in place:  # near:Paris, 5
        return True
    return len(place.split()[-1]) > 2 and bool(places().cities(place))  # "Columbus in" is no state's code


def position_of(name: str) -> tuple[tuple[float, float], str | None]:
    """Latitude and longitude in degrees of the best known place of this name, and a note where others are called so.

    Raises UsageError for a name that no place has.
    """
    from indexer.places.gazetteer import places

    cities = places().cities(name)
    if not cities:
        if (wider := _wider(name)) is not None:
            raise UsageError(f"{name!r} is no city; {wider}.")
        raise UsageError(f"No place called {name!r} is known{_guess(name)}; near:LAT,LON takes any position.")
    first, *others = cities
    note = None
    if others:
        named = [str(city) for city in others[:_OTHERS]]
        more = f" and {len(others) - _OTHERS} more" if len(others) > _OTHERS else ""
        note = f"near:{name} is taken for {first}; others of that name: {'; '.join(named)}{more}."
    return (first.latitude, first.longitude), note


def country_named(name: str) -> str:
    """The two letters of a country. Raises UsageError for a name that none has."""
    from indexer.places.gazetteer import places

    code = places().country(name)
    if code is None:
        raise UsageError(f"No country called {name!r} is known; its English name or its two letters do, as in FR.")
    return code


def _wider(name: str) -> str | None:
    """What to write for a country or a region, which near: does not take; None where the name is that of neither."""
    from indexer.places.gazetteer import places

    if places().country(name) is not None:
        return f"for the country write country:{quoted_where_needed(name)}"
    city = places().largest_in(name)
    if city is None:
        return None
    near = quoted_where_needed(f"{city.name},{name}")
    return f"for a region name a city in it and how far, as in near:{near},200"


def _guess(name: str) -> str:
    """Names of places that are written like this one, as part of a sentence."""
    from indexer.places.gazetteer import places

    alike = places().alike(name)
    return f" (did you mean {' or '.join(alike)}?)" if alike else ""
