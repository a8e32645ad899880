"""Dates as people write them, against the calendar."""

from __future__ import annotations

from datetime import date

import pytest

from search.query.dates import parse_point, parse_span
from search.query.ranges import parse_cycle, parse_numbers

TODAY = date(2026, 3, 31)


@pytest.mark.parametrize(
    ("written", "first", "after"),
    [
        ("2021", date(2021, 1, 1), date(2022, 1, 1)),
        ("2021-12", date(2021, 12, 1), date(2022, 1, 1)),
        ("2021-6", date(2021, 6, 1), date(2021, 7, 1)),
        ("2024-02-29", date(2024, 2, 29), date(2024, 3, 1)),
        ("today", TODAY, date(2026, 4, 1)),
        ("Yesterday", date(2026, 3, 30), TODAY),
        ("3d", date(2026, 3, 28), date(2026, 3, 29)),
        ("2w", date(2026, 3, 17), date(2026, 3, 18)),
        ("1m", date(2026, 2, 28), date(2026, 3, 1)),
        ("6m", date(2025, 9, 30), date(2025, 10, 1)),
        ("2y ago", date(2024, 3, 31), date(2024, 4, 1)),
    ],
)
def test_points(written: str, first: date, after: date) -> None:
    assert parse_point(written).days(TODAY) == (first, after)


@pytest.mark.parametrize(
    ("written", "first", "after"),
    [
        ("2019-06..2019-09", date(2019, 6, 1), date(2019, 10, 1)),
        ("2019..", date(2019, 1, 1), None),
        ("..2019-06", None, date(2019, 7, 1)),
        ("2019-06-15..2019-06", date(2019, 6, 15), date(2019, 7, 1)),
        ("2w..today", date(2026, 3, 17), date(2026, 4, 1)),
    ],
)
def test_spans(written: str, first: date | None, after: date | None) -> None:
    assert parse_span(written).days(TODAY) == (first, after)


@pytest.mark.parametrize(
    ("field", "written", "low", "high"),
    [
        ("size", "5MB", 4_500_000, 5_500_000),
        ("size", "5.0MB", 4_950_000, 5_050_000),
        ("size", ">5MB", 5_000_001, None),
        ("size", ">=5MB", 5_000_000, None),
        ("size", "<1kB", None, 999),
        ("size", "1KiB..2KiB", 1024, 2048),
        ("size", "100", 100, 100),
        ("width", "4032", 4032, 4032),
        ("height", "..1080", None, 1080),
        ("megapixels", "12", 11_500_000, 12_500_000),
        ("megapixels", ">12.2", 12_200_001, None),
        ("megapixels", "0", 0, 500_000),
    ],
)
def test_numbers(field: str, written: str, low: int | None, high: int | None) -> None:
    found = parse_numbers(field, written)
    assert (found.low, found.high) == (low, high)
    again = parse_numbers(field, str(found))
    assert (again.low, again.high) == (low, high)


@pytest.mark.parametrize(
    ("field", "written", "inside", "outside"),
    [
        ("month", "nov..feb", [11, 12, 1, 2], [3, 10]),
        ("month", "6", [6], [5, 7]),
        ("weekday", "weekend", [6, 7], [1, 5]),
        ("weekday", "fri..mon", [5, 6, 7, 1], [2, 4]),
        ("time", "18:00..23:00", [1080, 1380], [1079, 1381]),
        ("time", "22..4", [1320, 0, 240, 299], [300, 1319]),
        ("time", "18", [1080, 1139], [1140]),
        ("time", "6pm..11pm", [1080, 1380], [360]),
    ],
)
def test_cycles(field: str, written: str, inside: list[int], outside: list[int]) -> None:
    found = parse_cycle(field, written)
    assert all(value in found for value in inside)
    assert not any(value in found for value in outside)
    assert parse_cycle(field, str(found)) == found
