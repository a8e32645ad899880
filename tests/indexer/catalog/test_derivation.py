"""What is known of a photograph, from what its file, it itself and a file beside it say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from indexer.catalog.derivation import fact_of
from indexer.types import Metadata, Said

CHANGED = 1_620_500_000 * 10**9
KREUZBERG = (52.4986, 13.4033)


def _seconds(*numbers: int) -> int:
    return int(datetime(*numbers, tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]


def _metadata(position: tuple[float, float] | None = None, taken_at: str | None = None) -> Metadata:
    latitude, longitude = position or (None, None)
    return Metadata(4, 3, "JPEG", taken_at=taken_at, latitude=latitude, longitude=longitude)


def test_a_position_gives_city_and_country() -> None:
    fact = fact_of("/p/a.jpg", 10, CHANGED, None, _metadata(KREUZBERG))
    assert (fact.city, fact.country) == (2884161, "DE")
    beside = fact_of("/p/a.jpg", 10, CHANGED, Said(latitude=48.8049, longitude=2.1204), _metadata())
    assert (beside.city, beside.country) == (2969679, "FR")
    assert fact_of("/p/a.jpg", 10, CHANGED, None, _metadata((-25.3444, 131.0369))).country == "AU"


@pytest.mark.parametrize("position", [None, (35.0, -40.0)])
def test_nowhere_is_no_place(position: tuple[float, float] | None) -> None:
    fact = fact_of("/p/a.jpg", 10, CHANGED, None, _metadata(position))
    assert (fact.city, fact.country) == (None, None)


def test_utc_is_shown_by_the_clocks_of_the_place() -> None:
    said = Said(taken_at="2021-07-01T22:30:00+00:00")
    fact = fact_of("/p/a.jpg", 10, CHANGED, said, _metadata(KREUZBERG))
    assert fact.when is not None
    assert (fact.when.seconds, fact.when.source, fact.when.month) == (_seconds(2021, 7, 2, 0, 30), "sidecar", 7)
    pixel = fact_of("/p/PXL_20211231_233000000.jpg", 10, CHANGED, None, _metadata(KREUZBERG))
    assert pixel.when is not None
    assert (pixel.when.seconds, pixel.when.source, pixel.when.month) == (_seconds(2022, 1, 1, 0, 30), "name", 1)


def test_what_the_photograph_says_comes_first() -> None:
    metadata = _metadata(KREUZBERG, "2020-02-03T04:05:06+09:00")
    fact = fact_of("/p/PXL_20211231_233000000.jpg", 10, CHANGED, Said(taken_at="2021-07-01T22:30:00+00:00"), metadata)
    assert fact.when is not None
    assert (fact.when.seconds, fact.when.source) == (_seconds(2020, 2, 3, 4, 5, 6), "taken")


def test_years_are_judged_by_the_time_at_which_the_file_came_to_its_place() -> None:
    in_2031 = 1_930_000_000 * 10**9
    for stood, source in ((None, "file"), (CHANGED, "file"), (in_2031, "name")):
        when = fact_of("/p/IMG_20310203.jpg", 10, CHANGED, None, None, stood).when
        assert when is not None
        assert when.source == source
