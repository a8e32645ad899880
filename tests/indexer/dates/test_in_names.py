"""Dates in names of files: those that phones, messengers and people write, and nothing else."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.dates.in_names import NameDate, date_in_name

LAST = 2027
NOON = datetime(2021, 5, 4, 10, 11, 12)
NIGHT = datetime(2021, 5, 4, 22, 11, 12)
DAY = datetime(2021, 5, 4)


@pytest.mark.parametrize(
    "name",
    [
        "IMG_20210504_101112.jpg",
        "IMG_20210504_101112~2.jpg",
        "IMG_20210504_101112_BURST001.jpg",
        "MVIMG_20210504_101112.jpg",
        "VID_20210504_101112.mp4",
        "IMG20210504101112.jpg",
        "20210504_101112.jpg",
        "20210504_101112(0).jpg",
        "20210504101112.jpg",
        "00000IMG_00000_BURST20210504101112345_COVER.jpg",
        "WP_20210504_10_11_12_Pro.jpg",
        "WhatsApp Image 2021-05-04 at 10.11.12.jpeg",
        "WhatsApp Image 2021-05-04 at 10.11.12 (1).jpeg",
        "Screenshot_2021-05-04-10-11-12.png",
        "Screenshot_2021-05-04-10-11-12-123_com.android.chrome.png",
        "Screenshot_20210504-101112_Chrome.jpg",
        "Screenshot 2021-05-04 at 10.11.12 AM.png",
        "Screen Shot 2021-05-04 at 10.11.12\u202fAM.png",
        "Screenshot from 2021-05-04 10-11-12.png",
        "Bildschirmfoto 2021-05-04 um 10.11.12.png",
        "Capture d’écran 2021-05-04 à 10.11.12.png",
        "Captura de pantalla 2021-05-04 a las 10.11.12.png",
        "signal-2021-05-04-101112.jpg",
        "signal-2021-05-04-10-11-12-123.jpg",
        "Photo 2021-05-04, 10 11 12.jpg",
        "photo_2021-05-04_10-11-12.jpg",
        "2021-05-04 10.11.12.jpg",
        "2021-05-04 10.11.12-1.jpg",
        "2021-05-04T10:11:12.jpg",
    ],
)
def test_names_with_the_time_of_the_day(name: str) -> None:
    assert date_in_name(name, LAST) == NameDate(NOON, has_time=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("WhatsApp Image 2021-05-04 at 10.11.12 PM.jpeg", NIGHT),
        ("Screenshot 2021-05-04 at 10.11.12 pm.png", NIGHT),
        ("WhatsApp Image 2021-05-04 at 1.02.03 PM.jpeg", datetime(2021, 5, 4, 13, 2, 3)),
        ("Screenshot 2021-05-04 at 12.02.03 AM.png", datetime(2021, 5, 4, 0, 2, 3)),
        ("Photo on 2021-05-04 at 10.11.jpg", datetime(2021, 5, 4, 10, 11)),
        ("20210503 and 20210504_101112.jpg", NOON),  # what says more comes first
    ],
)
def test_names_with_another_clock(name: str, expected: datetime) -> None:
    assert date_in_name(name, LAST) == NameDate(expected, has_time=True)


@pytest.mark.parametrize(
    "name",
    [
        "IMG-20210504-WA0001.jpg",
        "20210504.jpg",
        "20210504 Birthday.jpg",
        "scan20210504.jpg",
        "2021-05-04.jpg",
        "2021_05_04.jpg",
        "2021.05.04 party.jpg",
        "2021-05-04 001.jpg",
        "2021-05-04_0001.jpg",
        "2021-05-04 at home.jpg",
        "IMG_20210504_996112.jpg",  # no time of any day
        ".20210504",
    ],
)
def test_names_with_a_day_alone(name: str) -> None:
    assert date_in_name(name, LAST) == NameDate(DAY, has_time=False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PXL_20210504_101112345.jpg", NOON),
        ("PXL_20210504_101112345.NIGHT.jpg", NOON),
        ("20210504T101112Z.jpg", NOON),
        ("FB_IMG_1620123456789.jpg", datetime(2021, 5, 4, 10, 17, 36)),
        ("mmexport1620123456789.jpg", datetime(2021, 5, 4, 10, 17, 36)),
        ("1620123456789.jpg", datetime(2021, 5, 4, 10, 17, 36)),
    ],
)
def test_names_that_tell_utc(name: str, expected: datetime) -> None:
    assert date_in_name(name, LAST) == NameDate(expected, has_time=True, is_utc=True)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "DSC_0001.JPG",
        "P1010101.jpg",
        "IMG_20219999.jpg",
        "IMG_20210230.jpg",
        "IMG_19691231.jpg",
        "IMG_20280101.jpg",
        "IMG_202105041.jpg",
        "2021.jpg",
        "2021-05.jpg",
        "12345678.jpg",
        "+49 2021 05 04.jpg",
        "0049-2021-05-04.jpg",
        "004917020210504.jpg",
        "4006381333931.jpg",
        "FB_IMG_9999999999999.jpg",
        "Snapchat-1234567890.jpg",
        "received_1234567890123456.jpeg",
        "a3f20210504bc.jpg",
        "deadbeef20210504aa.jpg",
        "550e8400-e29b-41d4-a716-446655440000.jpg",
        "٢٠٢١٠٥٠٤.jpg",
    ],
)
def test_names_without_a_date(name: str) -> None:
    assert date_in_name(name, LAST) is None


@given(st.datetimes(datetime(1970, 1, 2), datetime(2027, 12, 31)), st.sampled_from(["IMG_", "", "Screenshot_"]))
def test_every_moment_is_found_in_every_form(moment: datetime, before: str) -> None:
    moment = moment.replace(microsecond=0)
    for form in ("%Y%m%d_%H%M%S", "%Y-%m-%d-%H-%M-%S", "%Y-%m-%d %H.%M.%S", "%Y%m%d%H%M%S", "%Y-%m-%d at %I.%M.%S %p"):
        name = f"{before}{moment.strftime(form)}.jpg"
        assert date_in_name(name, LAST) == NameDate(moment, has_time=True), name


@given(st.text(max_size=300))
def test_whatever_a_file_is_called(name: str) -> None:
    found = date_in_name(name, LAST)
    assert found is None or 1970 <= found.moment.year <= 2027


@given(st.text("0123456789-_. ATZ", max_size=40))
def test_digits_and_marks_in_any_order(name: str) -> None:
    found = date_in_name(name, LAST)
    assert found is None or found.has_time or found.moment.time() == datetime.min.time()
