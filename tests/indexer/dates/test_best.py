"""Which of several dates is the photograph's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from indexer.dates import written
from indexer.dates.best import BestDate, best_date

TAKEN, SAID = "2021-05-04T10:11:12+09:00", "2021-05-05T20:00:00+00:00"
NAME, PLAIN = "IMG_20210506_070809.jpg", "DSC_0001.jpg"
CHANGED = 1_620_500_000 * 10**9  # 2021-05-08 18:53:20 UTC
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.fixture(autouse=True)
def _in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


def _date(*numbers: int) -> datetime:
    return datetime(2021, 5, *numbers)  # type: ignore[arg-type]


def test_each_source_comes_before_the_next() -> None:
    assert best_date(NAME, CHANGED, TAKEN, SAID) == BestDate(_date(4, 10, 11, 12), "taken")  # its own clock
    assert best_date("IMG_20200101_000000.jpg", CHANGED, None, SAID) == BestDate(_date(5, 16), "sidecar", True)
    assert best_date(PLAIN, CHANGED, None, SAID) == BestDate(_date(5, 16), "sidecar", True)
    assert best_date(NAME, CHANGED, None, None) == BestDate(_date(6, 7, 8, 9), "name")
    assert best_date(PLAIN, CHANGED, None, None) == BestDate(_date(8, 14, 53, 20), "file", True)


def test_utc_becomes_local_time_by_the_place_or_else_by_this_machine() -> None:
    assert best_date(PLAIN, CHANGED, None, SAID, TOKYO) == BestDate(_date(6, 5), "sidecar")
    pixel = "PXL_20210505_200000123.jpg"
    assert best_date(pixel, CHANGED, None, None, TOKYO) == BestDate(_date(6, 5), "name")
    assert best_date(pixel, CHANGED, None, None) == BestDate(_date(5, 16), "name", True)


def test_a_name_tells_the_local_time_of_the_moment_that_a_sidecar_tells_in_utc() -> None:
    assert best_date("20210506_050001.jpg", CHANGED, None, SAID) == BestDate(_date(6, 5, 0, 1), "name")
    for another in ("20210506_100200.jpg", "IMG-20210505-WA0001.jpg", "PXL_20210505_200003000.jpg"):
        best = best_date(another, CHANGED, None, SAID)
        assert best is not None
        assert best.source == "sidecar"


@pytest.mark.parametrize("mtime", [0, -(2**63), 2**63 - 1, 4_102_444_800 * 10**9, -(10**11) * 10**9])
def test_a_file_whose_time_makes_no_sense_has_no_date(mtime: int) -> None:
    assert best_date(PLAIN, mtime, None, None) is None
    assert best_date(NAME, mtime, None, None) is not None


def test_a_date_does_not_depend_on_the_day_on_which_it_is_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "date", None)  # nobody asks which day it is
    in_2031 = 1_930_000_000 * 10**9
    found = BestDate(datetime(2031, 2, 27, 18, 6, 40), "file", True)
    assert best_date(PLAIN, in_2031, None, None, None, in_2031) == found
    assert best_date(PLAIN, in_2031, None, None, None, CHANGED) is None  # a clock that stood ahead
    assert best_date(PLAIN, in_2031, None, None) is None
    for name, stood, source in (
        ("IMG_20271231.jpg", None, "name"),
        ("IMG_20280101.jpg", None, "file"),
        ("IMG_20271231.jpg", CHANGED, "name"),
        ("IMG_20280101.jpg", CHANGED, "file"),  # no camera was there yet
        ("IMG_20321231.jpg", in_2031, "name"),
        ("IMG_20330101.jpg", in_2031, "file"),
        ("IMG_20210506.jpg", 2**63 - 1, "name"),
    ):
        best = best_date(name, CHANGED, None, None, None, stood)
        assert best is not None
        assert best.source == source, name
