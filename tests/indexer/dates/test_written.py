"""Times as they are written into photographs: every form that is in use, and nonsense is no time."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.dates.written import is_sane, parse_iptc_time, parse_time

MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(2026, 12, 31, 23, 59, 59)).map(lambda m: m.replace(microsecond=0))


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("2024:05:03 18:20:11", "", "2024-05-03T18:20:11"),
        ("2024:05:03 18:20:11", "+02:00", "2024-05-03T18:20:11+02:00"),
        ("2024:05:03 18:20:11", "Z", "2024-05-03T18:20:11+00:00"),
        ("2024:05:03 18:20:11", "+99:00", "2024-05-03T18:20:11"),
        ("2024:05:03 18:20:11", "   :  ", "2024-05-03T18:20:11"),
        ("2024:05:03 18:20:11\0", "-03:30\0", "2024-05-03T18:20:11-03:30"),
        ("2024:05:03 18:20:11.53", "", "2024-05-03T18:20:11"),
        ("2024-05-03T18:20:11.123+02:00", "", "2024-05-03T18:20:11+02:00"),
        ("2024-05-03T18:20:11Z", "", "2024-05-03T18:20:11+00:00"),
        ("2024-05-03T18:20-0530", "", "2024-05-03T18:20:00-05:30"),
        ("2024-05-03", "", "2024-05-03T00:00:00"),
        ("2024-05", "", "2024-05-01T00:00:00"),
        ("1965", "", "1965-01-01T00:00:00"),
        ("20240503T182011Z", "", "2024-05-03T18:20:11+00:00"),
        ("0000:00:00 00:00:00", "", None),
        ("1970:01:01 00:00:00", "", None),
        ("    :  :     :  :  ", "", None),
        ("2024:13:03 18:20:11", "", None),
        ("2024:02:30 18:20:11", "", None),
        ("2024:05:03 25:20:11", "", None),
        ("2024:05:031", "", None),
        ("2024 people", "", None),
        ("yesterday", "", None),
        ("", "", None),
        ("٢٠٢٤:05:03", "", None),
    ],
)
def test_times(text: str, offset: str, expected: str | None) -> None:
    assert parse_time(text, offset) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021: 5: 4  9:03:07", "2021-05-04T09:03:07"),
        ("2021:05:04  9: 3: 7", "2021-05-04T09:03:07"),
        ("2021/5/4 9:03", "2021-05-04T09:03:00"),
        ("2021.05.04 09.03.07", "2021-05-04T09:03:07"),
        ("2021-05-04 09-03-07", "2021-05-04T09:03:07"),
        ("2021年5月4日 09:03", "2021-05-04T09:03:00"),
        ("2021年5月4日下午9:03", "2021-05-04T21:03:00"),
        ("2021:05:04 09:03:07 PM", "2021-05-04T21:03:07"),
        ("2021:05:04 09:03:07 a.m.", "2021-05-04T09:03:07"),
        ("2021:05:04 12:03:07 AM", "2021-05-04T00:03:07"),
        ("2021:05:04 12:03:07 pm", "2021-05-04T12:03:07"),
        ("2021:05:04 18:03:07 PM", "2021-05-04T18:03:07"),
        ("2021:05:04 下午 3:20:11", "2021-05-04T15:20:11"),
        ("2021:05:04 3:20:11上午", "2021-05-04T03:20:11"),
        ("2021:05:04 오후 03:20:11", "2021-05-04T15:20:11"),
        ("2021:05:04 午前11:20:11", "2021-05-04T11:20:11"),
        ("2021:05:04 24:00:00", "2021-05-04T00:00:00"),
        ("2021:05:04 24:30:11", "2021-05-04T00:30:11"),
        ("2021:05:04 18:20:11 something else", "2021-05-04T18:20:11"),
    ],
)
def test_times_as_phones_and_old_cameras_write_them(text: str, expected: str) -> None:
    assert parse_time(text) == expected


@given(MOMENTS.filter(is_sane), st.sampled_from(":/.-"), st.booleans())
def test_every_moment_is_read_in_every_separator_padded_or_not(moment: datetime, between: str, padded: bool) -> None:
    two = "{:02d}" if padded else "{:2d}"
    day = f"{moment.year:04d}{between}{two.format(moment.month)}{between}{two.format(moment.day)}"
    time = f"{two.format(moment.hour)}:{two.format(moment.minute)}:{two.format(moment.second)}"
    assert parse_time(f"{day} {time}") == moment.isoformat()


@given(MOMENTS.filter(is_sane), st.sampled_from([("AM", "PM"), ("上午", "下午"), ("오전", "오후")]), st.booleans())
def test_every_moment_is_read_from_twelve_hours(moment: datetime, marks: tuple[str, str], before: bool) -> None:
    mark, clock = marks[moment.hour >= 12], f"{moment.hour % 12 or 12:02d}:{moment:%M:%S}"
    time = f"{mark} {clock}" if before else f"{clock} {mark}"
    assert parse_time(f"{moment.year:04d}:{moment:%m:%d} {time}") == moment.isoformat()


@given(st.text(max_size=120))
def test_whatever_is_written_is_a_time_or_none(text: str) -> None:
    found = parse_time(text)
    assert found is None or is_sane(datetime.fromisoformat(found).replace(tzinfo=None))


def test_a_clock_that_runs_far_ahead_or_was_never_set() -> None:
    assert is_sane(datetime(2027, 12, 31), 2027)
    assert not is_sane(datetime(2028, 1, 1), 2027)
    assert not is_sane(datetime(999, 12, 31), 2027)
    assert not is_sane(datetime(1904, 1, 1), 2027)
    assert is_sane(datetime(1904, 1, 1) + timedelta(seconds=1), 2027)
    assert is_sane(datetime(date.today().year + 1, 12, 31))
    assert not is_sane(datetime(date.today().year + 2, 1, 1))
    assert parse_time("2564:05:04 01:02:03") is None  # the year of a Buddhist calendar


@pytest.mark.parametrize(
    ("day", "time", "expected"),
    [
        ("20240503", "182011+0200", "2024-05-03T18:20:11+02:00"),
        ("20240503", "182011", "2024-05-03T18:20:11"),
        ("20240503", "", "2024-05-03T00:00:00"),
        ("20240503", "nonsense", "2024-05-03T00:00:00"),
        ("2024-05-03", "18:20:11-05:00", "2024-05-03T18:20:11-05:00"),
        ("19650000", "", "1965-01-01T00:00:00"),
        ("00000000", "182011", None),
        ("2024", "", None),
    ],
)
def test_iptc_keeps_day_and_time_apart(day: str, time: str, expected: str | None) -> None:
    assert parse_iptc_time(day, time) == expected
