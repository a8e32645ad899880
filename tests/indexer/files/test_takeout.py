"""Google Takeout's JSON: which photograph it is about, and what it says; hostile JSON says nothing."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import CaptionFileError
from indexer.files.takeout import MAX_BYTES, Takeout, may_be_takeout, parse_takeout, takeout_image
from indexer.types import Said

LONG = "a" * 45  # with the dot of its suffix cut to 46


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("IMG_1.jpg.json", ["IMG_1.jpg"], "IMG_1.jpg"),
        ("IMG_1.JPG.JSON", ["IMG_1.JPG"], "IMG_1.JPG"),
        ("IMG_1.jpg.json", ["IMG_1.JPG"], "IMG_1.JPG"),
        ("IMG_1.JPG.json", ["IMG_1.jpg"], "IMG_1.jpg"),
        ("IMG_1.jpg.json", ["IMG_1.JPG", "IMG_1.jpg"], "IMG_1.jpg"),
        ("IMG_1.HEIC.json", ["IMG_1.HEIC", "IMG_1.MP4"], "IMG_1.HEIC"),  # a picture and its few seconds of video
        ("IMG_1.HEIC.supplemental-metadata.json", ["IMG_1.HEIC", "IMG_1.MP4"], "IMG_1.HEIC"),
        ("IMG_1.MP.jpg.supplemental-metada.json", ["IMG_1.MP", "IMG_1.MP.jpg"], "IMG_1.MP.jpg"),
        ("IMG_1.jpg.supplemental-metadata.json", ["IMG_1.jpg"], "IMG_1.jpg"),
        ("IMG_1.jpg.supplemental-met.json", ["IMG_1.jpg"], "IMG_1.jpg"),
        ("IMG_1.jpg.s.json", ["IMG_1.jpg"], "IMG_1.jpg"),
        ("IMG_1.jpg..json", ["IMG_1.jpg"], "IMG_1.jpg"),
        ("IMG_1.jpg(1).json", ["IMG_1(1).jpg", "IMG_1.jpg"], "IMG_1(1).jpg"),
        ("IMG_1.jpg.supplemental-metadata(12).json", ["IMG_1(12).jpg", "IMG_1.jpg"], "IMG_1(12).jpg"),
        ("IMG_1(1).jpg.json", ["IMG_1(1).jpg", "IMG_1.jpg"], "IMG_1(1).jpg"),
        ("IMG_1.jpg(1).json", ["IMG_1.jpg"], None),
        ("IMG_1.jpg.json", ["IMG_2.jpg"], None),
        ("IMG_1.jpg.other.json", ["IMG_1.jpg"], None),
        ("IMG_1.mp4.json", ["IMG_1.mp4"], None),
        ("IMG_1.json", ["IMG_1.jpg"], None),
        ("metadata.json", ["metadata.jpg"], None),
        (".json", [".jpg"], None),
        ("IMG_1.jpg.txt", ["IMG_1.jpg"], None),
        # Names of 46 characters are cut ones.
        (f"{LONG}b.json", [f"{LONG}bc.jpg", f"{LONG}bc.jpg.txt"], f"{LONG}bc.jpg"),
        (f"{LONG}..json", [f"{LONG}.jpg"], f"{LONG}.jpg"),
        (f"{LONG}b(1).json", [f"{LONG}bc(1).jpg", f"{LONG}bc.jpg"], f"{LONG}bc(1).jpg"),
        (f"{LONG}b.json", [f"{LONG}bc(1).jpg", f"{LONG}bc.jpg"], f"{LONG}bc.jpg"),
        (f"{LONG}b.json", [f"{LONG}bc.jpg", f"{LONG}bd.jpg"], None),  # of two, none is meant for sure
        (f"{LONG}b.json", [f"{LONG}bc.mp4"], None),
        (f"{LONG}bc.json", [f"{LONG}bc.jpg"], None),
    ],
)
def test_which_photograph_it_is_about(name: str, names: list[str], expected: str | None) -> None:
    assert takeout_image(sorted(names), name) == expected
    assert expected is None or may_be_takeout(name)


def test_names_that_could_never_be_one_are_not_looked_at_again() -> None:
    assert not any(map(may_be_takeout, ("metadata.json", "IMG_1.json", "package.lock.json", "IMG_1.mp4.json", "a")))
    assert may_be_takeout("IMG_1.jpg.json")


def _parse(**fields: object) -> Takeout | None:
    return parse_takeout(json.dumps(fields).encode())


TIME = {"timestamp": "1620123456", "formatted": "4 May 2021, 10:17:36 UTC"}


def test_what_it_says() -> None:
    place = {"latitude": 48.8584, "longitude": 2.2945, "altitude": 0.0, "latitudeSpan": 0.0}
    found = _parse(
        title="IMG_1.jpg", description=" On the  tower\n", photoTakenTime=TIME, geoData=place, people=[{"name": "Ann"}]
    )
    assert found == Takeout(Said("2021-05-04T10:17:36+00:00", 48.8584, 2.2945), "On the tower")
    assert _parse(photoTakenTime=TIME) == Takeout(Said("2021-05-04T10:17:36+00:00"), "")


def test_the_place_of_the_camera_counts_where_nobody_has_put_it_elsewhere() -> None:
    nowhere, paris = {"latitude": 0.0, "longitude": 0.0}, {"latitude": 48.8584, "longitude": 2.2945}
    assert _parse(photoTakenTime=TIME, geoData=nowhere, geoDataExif=paris) == _parse(photoTakenTime=TIME, geoData=paris)
    assert _parse(geoData=nowhere, geoDataExif=nowhere) == Takeout(Said(), "")
    half = _parse(geoData={"latitude": 48.8584}, geoDataExif={"longitude": 2.2945})
    assert half == Takeout(Said(), "")


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "0",
        "-62135596800",
        "99999999999",
        "9" * 400,
        "1e9",
        "now",
        None,
        [],
        True,
        10**30,
        1.5,
        float("nan"),
        "１６",
    ],
)
def test_times_that_make_no_sense(timestamp: object) -> None:
    assert _parse(photoTakenTime={"timestamp": timestamp}) == Takeout(Said(), "")


@pytest.mark.parametrize("degrees", [91.0, -1e400, float("nan"), "48.8", None, True, [48.8], 10**400])
def test_places_that_make_no_sense(degrees: object) -> None:
    assert _parse(photoTakenTime=TIME, geoData={"latitude": degrees, "longitude": 2.0}) == _parse(photoTakenTime=TIME)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b'{"photoTakenTime": {"timestamp": "1620123',
        b"[" * 100_000,
        b'{"photoTakenTime": ' * 50_000,
        b'{"photoTakenTime": {"timestamp": ' + b"9" * 10_000 + b"}}",
    ],
)
def test_broken_json_is_told(data: bytes) -> None:
    with pytest.raises(CaptionFileError, match="broken JSON, so its photograph is found without the date and place"):
        parse_takeout(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"null",
        b"3",
        b'{"photoTakenTime": 5}',
        b'{"image": "a.jpg"}',
        b'{"photoTakenTime": {}}' + b" " * MAX_BYTES,
    ],
)
def test_other_json_is_left_alone(data: bytes) -> None:
    assert parse_takeout(data) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["photoTakenTime", "timestamp", "geoData", "latitude", "longitude", "description"]),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_it_holds(value: object) -> None:
    found = parse_takeout(json.dumps(value).encode())
    assert found is None or isinstance(found.description, str)


@given(st.binary(max_size=200))
def test_whatever_bytes_there_are(data: bytes) -> None:
    with suppress(CaptionFileError):
        assert parse_takeout(data) is None


@given(st.text(max_size=80), st.lists(st.text(max_size=60), max_size=5))
def test_whatever_it_is_called(name: str, names: list[str]) -> None:
    found = takeout_image(sorted(names), f"{name}.json")
    assert found is None or found in names
