"""What a criterion selects: the same as plain Python over the rows, whatever the collection and the criterion."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from indexer.catalog import routes
from indexer.catalog.catalog import Catalog
from indexer.catalog.contents import Contents
from indexer.catalog.criteria import (
    Below,
    BelowNamed,
    Both,
    Criterion,
    Dated,
    DatedBy,
    Either,
    Has,
    InCycle,
    MadeWith,
    Measured,
    Named,
    NameMatches,
    No,
    OfId,
    OfIds,
    OfType,
    PathMatches,
    Says,
    Shaped,
    Tagged,
    Within,
)
from indexer.catalog.facts import Facts
from indexer.catalog.files import FileRecord, Files
from indexer.catalog.items import Items
from indexer.catalog.photographs import Photographs
from indexer.catalog.schema import file, item
from indexer.catalog.selection import Listed, Selection
from indexer.types import KINDS, Candidate, Metadata
from tests.fixtures.catalog_rows import new_catalog

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Photo:
    """A photograph of a generated collection; `told`: another file says something of it."""

    name: str
    size: int
    metadata: Metadata
    told: bool = False
    hidden: bool = False
    ids: dict[str, int] = field(default_factory=dict, compare=False)

    @property
    def date(self) -> datetime | None:
        return None if self.metadata.taken_at is None else datetime.fromisoformat(self.metadata.taken_at[:19])


# -- collections and criteria -------------------------------------------------------------------------------

FOLDERS = ("/photos", "/photos/trips", "/photos/Trips 2021/paris", "/photos/scans", "/photos/a_b%/[x]", "/o'b")
NAMES = ("IMG_1.jpg", "img_2.JPG", "été.png", "scan[1].png", "100%.png", "a'b.jpg", "x*y?.webp", "PXL.jpg")
PLACES = (0.0, 90.0, -90.0, 48.8566, 48.9, -33.9, 66.5, 89.9)
MERIDIANS = (0.0, 180.0, -180.0, 179.9, -179.9, 2.3522, 2.5, 151.2)
CAMERAS = (None, "Pixel 6", "Canon EOS", "100% 'pixel_'", "Café")

moments = st.datetimes(datetime(1905, 1, 1), datetime(2024, 1, 1)).map(lambda moment: moment.isoformat()[:19])
metadata = st.builds(
    lambda place, **values: Metadata(latitude=place and place[0], longitude=place and place[1], **values),
    place=st.none() | st.tuples(st.sampled_from(PLACES), st.sampled_from(MERIDIANS)),
    width=st.sampled_from((10, 20, 4000)),
    height=st.sampled_from((10, 20, 3000)),
    format=st.sampled_from(("JPEG", "PNG", "HEIF", "MPO")),
    taken_at=st.none() | moments | st.sampled_from(("2021-06-03T00:00:00", "2021-06-02T23:59:59+02:00")),
    camera=st.sampled_from(CAMERAS),
    lens=st.sampled_from((None, "50mm", "Pixel 6 back")),
    captions=st.sampled_from(((), ("a caption",))),
    keywords=st.sampled_from(((), ("sea", "red"))),
)
photos = st.builds(
    Photo,
    name=st.builds(os.path.join, st.sampled_from(FOLDERS), st.sampled_from(NAMES)),
    size=st.sampled_from((0, 5, 1000)),
    metadata=metadata,
    told=st.booleans(),
    hidden=st.integers(0, 5).map(lambda number: number == 0),
)
collections = st.lists(photos, max_size=12, unique_by=lambda photo: photo.name)

seconds = st.none() | st.datetimes(datetime(1890, 1, 1), datetime(2110, 1, 1)).map(
    lambda moment: int((moment.replace(tzinfo=UTC) - EPOCH).total_seconds())
)
numbers = st.none() | st.sampled_from((0, 5, 10, 20, 3000, 4000, 200, 12_000_000))
parts = st.sampled_from(
    (
        "img",
        "1",
        "%",
        "_",
        "'",
        "[",
        "pixel",
        "cafe",
        "*",
        "?",
        "ete",
        "nothing",
        "img_",
        "[1].png",
        "*y?.",
        "100%",
        '"',
        "\\",
        "",
    )
)
tests = st.one_of(
    st.builds(Dated, seconds, seconds),
    st.builds(DatedBy, st.sampled_from(("taken", "file", "name"))),
    st.builds(InCycle, st.just("month"), st.integers(1, 12), st.integers(1, 12)),
    st.builds(InCycle, st.just("weekday"), st.integers(1, 7), st.integers(1, 7)),
    st.builds(InCycle, st.just("minute"), st.integers(0, 1439), st.integers(0, 1439)),
    st.builds(
        Within,
        st.sampled_from(PLACES),
        st.sampled_from(MERIDIANS),
        st.sampled_from((0.01, 5.0, 20.0, 500.0, 9_000.0, 20_040.0)),
    ),
    st.builds(MadeWith, st.sampled_from(("camera", "lens")), parts),
    st.builds(Named, parts),
    st.builds(NameMatches, st.sampled_from(("*.png", "img_?.jpg", "scan[1]*", "*%*", "x[*]y?.webp", "*"))),
    st.builds(Below, st.sampled_from(("/photos", "/photos/trips", "/o'b", "/photos/a_b%", "/photos/scans/img_1.jpg"))),
    st.builds(BelowNamed, st.sampled_from(("trips", "trips 2021", "a_b%/[x]", "o'b", "photos/scans", "rips", "%"))),
    st.builds(
        PathMatches,
        st.sampled_from(
            (
                "*.png",
                "trips*",
                "**/scans/**",
                "scans/*.jpg",
                "/photos/*/*.png",
                "/photos/**/p*/",
                "**",
                "/photos/*",
                "a_b%/[x]/*",
                "/**/*s/**/*g",
                "**/**/*1*",
            )
        ),
    ),
    st.builds(Measured, st.sampled_from(("size", "width", "height", "pixels")), numbers, numbers),
    st.builds(Shaped, st.sampled_from(("landscape", "portrait", "square"))),
    st.builds(OfType, st.sampled_from(("jpeg", "png", "heic", "webp"))),
    st.builds(Has, st.sampled_from(("gps", "caption", "keyword", "date"))),
    st.builds(OfId, st.integers(1, 12)),
    st.builds(OfIds, st.lists(st.integers(1, 12), min_size=2, max_size=4).map(tuple)),
    st.builds(Tagged, st.just("red")),
)
criteria = st.recursive(
    tests,
    lambda inner: st.one_of(
        inner.map(No),
        st.lists(inner, min_size=1, max_size=3).map(tuple).map(Both),
        st.lists(inner, min_size=1, max_size=3).map(tuple).map(Either),
    ),
    max_leaves=6,
)


# -- plain Python -------------------------------------------------------------------------------------------


def holds(criterion: Criterion, photo: Photo) -> bool:
    said, path = photo.metadata, folded(photo.name)
    match criterion:
        case No():
            return not holds(criterion.criterion, photo)
        case Both():
            return all(holds(each, photo) for each in criterion.criteria)
        case Either():
            return any(holds(each, photo) for each in criterion.criteria)
        case Dated():
            at = (dated(photo) - datetime(1970, 1, 1)).total_seconds()
            return (criterion.start is None or criterion.start <= at) and (criterion.end is None or at < criterion.end)
        case DatedBy():
            return criterion.source == ("file" if said.taken_at is None else "taken")
        case InCycle():
            moment = dated(photo)
            if criterion.cycle == "minute" and moment.replace(microsecond=0).time() == time.min:
                return False
            found = {"month": moment.month, "weekday": moment.isoweekday(), "minute": moment.hour * 60 + moment.minute}
            first, last, number = criterion.first, criterion.last, found[criterion.cycle]
            return first <= number <= last if first <= last else number >= first or number <= last
        case Within():
            return said.latitude is not None and haversine(criterion, said) <= criterion.km + 1e-6
        case MadeWith():
            text = said.camera if criterion.device == "camera" else said.lens
            return text is not None and criterion.part in folded(text)
        case Named():
            return criterion.part in os.path.basename(path)
        case NameMatches():
            return re.fullmatch(one_name(criterion.pattern), os.path.basename(path)) is not None
        case Below():
            return path == criterion.path or path.startswith(f"{criterion.path}/")
        case BelowNamed():
            return f"/{criterion.name}/" in os.path.dirname(path) + "/"
        case PathMatches():
            above = path.split("/")
            folders = ["/".join(above[:count]) for count in range(2, len(above))]
            alone = criterion.pattern.endswith("/")
            candidates = folders if alone else [*folders, path]
            return any(re.fullmatch(whole_path(criterion.pattern), each) for each in candidates)
        case Measured():
            sides = {"size": photo.size, "width": said.width, "height": said.height}
            number = sides.get(criterion.measure, said.width * said.height)
            low, high = criterion.low, criterion.high
            return (low is None or low <= number) and (high is None or number <= high)
        case Shaped():
            wide = said.width - said.height
            return criterion.shape == ("landscape" if wide > 0 else "portrait" if wide else "square")
        case OfType():
            return criterion.type == {"HEIF": "heic", "MPO": "jpeg"}.get(said.format, said.format.lower())
        case Has():
            held = {"gps": said.latitude is not None, "caption": bool(said.captions) or photo.told}
            held |= {"keyword": bool(said.keywords), "date": said.taken_at is not None}
            return held[criterion.what]
        case OfId():
            return criterion.id == photo.ids["target"]
        case OfIds():
            return photo.ids["target"] in criterion.ids
    assert isinstance(criterion, Tagged)
    return False


def dated(photo: Photo) -> datetime:
    return photo.date or datetime.fromtimestamp(MTIME)


MTIME = 1_600_000_000


def folded(text: str) -> str:
    return text.lower().replace("é", "e")


def haversine(near: Within, said: Metadata) -> float:
    """Kilometres; Sinnott 1984."""
    assert said.latitude is not None
    assert said.longitude is not None
    north, there = math.radians(near.latitude), math.radians(said.latitude)
    across = math.radians(said.longitude - near.longitude)
    half = math.sin((there - north) / 2) ** 2 + math.cos(north) * math.cos(there) * math.sin(across / 2) ** 2
    return 2 * 6371.0088 * math.asin(min(1.0, math.sqrt(half)))


def one_name(pattern: str) -> str:
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(letter) or re.escape(letter) for letter in pattern)


def whole_path(pattern: str) -> str:
    """A regular expression for whole paths, from left to right; slow ones are no matter here."""
    names = pattern.strip("/").split("/")
    found = "/" if pattern.startswith("/") else "/(?:[^/]+/)*"
    for at, name in enumerate(names):
        last = at == len(names) - 1
        if name == "**":
            found += "(?:[^/]+/)*[^/]+" if last else "(?:[^/]+/)*"
        else:
            found += one_name(name) + ("" if last else "/")
    return found


# -- the same from the catalog ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    made = new_catalog(tmp_path_factory.mktemp("selection") / "catalog.sqlite")
    yield made
    made.close()


def fill(catalog: Catalog, collection: Sequence[Photo], copies: Sequence[int] | None = None) -> None:
    """Make the catalog that of a collection alone, and note the ids of its items. `copies`: of each photograph the
    number of its content, where they do not have one each."""
    with catalog.batch() as batch:
        batch.write(delete(item))
        batch.write(delete(file))
    with catalog.batch() as batch:
        digests = {f"{number}".encode().ljust(32): "image" for number in range(len(collection))}
        digests |= {f"text {number}".encode().ljust(32): "text" for number in range(len(collection))}
        contents = list(Contents(batch).add(digests).values())  # type: ignore[arg-type]
        if copies is not None:
            of_number = dict(zip(copies, contents[: len(collection)], strict=False))
            contents[: len(collection)] = [of_number[number] for number in copies[: len(collection)]]
        Photographs(batch).save({contents[at]: photo.metadata for at, photo in enumerate(collection)})
        records = [
            FileRecord(Candidate(photo.name, photo.size, MTIME * 10**9), "image", content_id=contents[at])
            for at, photo in enumerate(collection)
        ]
        ids = Files(batch).save(records)
        (table,) = Files(batch).save([FileRecord(Candidate("/captions.csv", 1, 2), "captions")])
        Items(batch).set_of_files({number: [("image", contents[at], None, None)] for at, number in enumerate(ids)})
        told = [
            ("text", contents[len(collection) + at], photo.name, f"text {at}")
            for at, photo in enumerate(collection)
            if photo.told
        ]
        Items(batch).set_of_files({table: told})  # type: ignore[dict-item]
        hidden = [(at, number) for at, number in enumerate(ids) if collection[at].hidden]
        Files(batch).mark_vanished([number for at, number in hidden if at % 2 == 0])
        Files(batch).mark_ignored([number for at, number in hidden if at % 2])
    with catalog.snapshot() as snapshot:
        for photo in collection:
            number = Items(snapshot).at(photo.name)
            assert number is not None
            about = snapshot.connection.execute(item.select().where(item.c.about == photo.name)).all()
            photo.ids.update({"image": number, "target": number}, **{row.kind: row.id for row in about})


#: Collections that are tried with each, 12 filters on each. `make test` takes few.
COLLECTIONS = int(os.environ.get("SELECTED_COLLECTIONS", "10"))

#: Bounds of `routes.py`, so that each way of looking rows up is gone: the narrowest that is counted; what a sample
#: tells, to which the few rows here look like many; none but all rows.
BOUNDS = ({}, {"TOLD": 0, "FEW": 0}, {"TOLD": 0, "FEW": 0, "NARROW": 0, "WITHIN": -1.0})


@pytest.mark.parametrize("bounds", BOUNDS, ids=("counted", "sampled", "all"))
@given(collections, st.lists(criteria, min_size=12, max_size=12))
@settings(max_examples=COLLECTIONS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_selection_is_what_plain_python_selects(
    monkeypatch: pytest.MonkeyPatch,
    catalog: Catalog,
    bounds: dict[str, float],
    collection: list[Photo],
    several: list[Criterion],
) -> None:
    for name, bound in bounds.items():
        monkeypatch.setattr(routes, name, bound)
    fill(catalog, collection)
    with catalog.snapshot() as snapshot:
        selection = Selection(snapshot)
        assert Facts(snapshot).wrong() == []
        for kind in KINDS:
            there = [photo for photo in collection if kind in photo.ids]
            for photo in there:
                photo.ids["target"] = photo.ids[kind]
            # Of what is gone a table that is there still tells, of what is left out it does not.
            hidden = {
                photo.ids[kind]
                for at, photo in enumerate(collection)
                if kind in photo.ids and photo.hidden and (kind == "image" or at % 2)
            }
            every = [photo.ids[kind] for photo in there][::-1]
            for criterion in several:
                wanted = {photo.ids[kind] for photo in there if holds(criterion, photo)}
                assert set(selection.ids(criterion, kind).tolist()) == wanted - hidden
                assert selection.among(criterion, kind, every).tolist() == [each for each in every if each in wanted]
                assert [row.id for row in selection.page(criterion, kind, None, None, 99)] == sorted(wanted - hidden)
                assert [row.id for row in selection.page(criterion, kind, "date", None, 99)] == [
                    photo.ids[kind]
                    for photo in sorted(there, key=lambda photo, kind=kind: (dated(photo), photo.ids[kind]))
                    if photo.ids[kind] in wanted - hidden
                ]
                assert selection.count(criterion, kind, 99, copies=True) == len(wanted - hidden)


@given(collections, st.sampled_from(["date", "-date", "name", "-name", "size", "-size", None]), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_pages_are_the_whole_list_in_order(catalog: Catalog, collection: list[Photo], order: Any, limit: int) -> None:
    fill(catalog, collection)
    there = [photo for photo in collection if not photo.hidden]

    def key(photo: Photo) -> Any:
        keys = {"date": dated(photo), "name": os.path.basename(folded(photo.name)), "size": photo.size}
        return 0 if order is None else keys[order.strip("-")]

    falls = order is not None and order.startswith("-")
    wanted = sorted(there, key=lambda photo: (key(photo), photo.ids["image"]), reverse=falls)
    found: list[Listed] = []
    with catalog.snapshot() as snapshot:
        while True:
            page = Selection(snapshot).page(None, "image", order, found[-1] if found else None, limit)
            found += page
            if len(page) < limit:
                break
        if order is not None:
            known = {row.id: row.key for row in found if row.key is not None}
            assert Selection(snapshot).keys(order, "image", [*known, 10**9]) == known
    assert [row.id for row in found] == [photo.ids["image"] for photo in wanted]


HOSTILE = (
    "'; DROP TABLE fact; --",
    '" OR 1=1 --',
    "%",
    "_",
    "*",
    "[a-z]",
    "\\",
    "\0",
    "a\0b",
    "\ud800",
    "' UNION SELECT value FROM meta --",
    ":p",
    "?1",
    "$1",
    "x" * 1000,
    "*a" * 400 + "b",
    "**/" * 300 + "x",
    "\N{ZERO WIDTH JOINER}",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_texts_and_nothing_else(catalog: Catalog, text: str) -> None:
    plain = Photo("/photos/" + "a" * 200 + ".jpg", 1, Metadata(9, 9, "JPEG", camera="Canon"))
    fill(catalog, [plain])
    tests: list[Criterion] = [
        DatedBy(text),
        MadeWith("camera", text),
        MadeWith("lens", text),
        Named(text),
        NameMatches(text),
        Below(text),
        BelowNamed(text),
        PathMatches(text),
        OfType(text),
        Tagged(text),
    ]
    with catalog.snapshot() as snapshot:
        for test in tests:
            is_all = text in ("*",) and isinstance(test, NameMatches | PathMatches)
            found = [plain.ids["image"]] if is_all else []
            assert Selection(snapshot).ids(test, "image").tolist() == found
            assert Selection(snapshot).ids(No(test), "image").tolist() == ([] if is_all else [plain.ids["image"]])
        assert Selection(snapshot).ids(Has("gps"), "image").dtype == np.int64


def test_a_name_that_is_no_text_is_found(catalog: Catalog) -> None:
    fill(catalog, [Photo(os.fsdecode(b"/photos/caf\xe9.jpg"), 1, Metadata(9, 9, "JPEG"))])
    with catalog.snapshot() as snapshot:
        assert len(Selection(snapshot).ids(Named("caf"), "image")) == 1
        assert len(Selection(snapshot).ids(NameMatches("caf?.jpg"), "image")) == 1
        assert Facts(snapshot).wrong() == []


def test_ten_metres_are_told_from_eleven(catalog: Catalog) -> None:
    north = math.degrees(0.0105 / 6371.0088)
    fill(catalog, [Photo("/a.jpg", 1, Metadata(9, 9, "JPEG", latitude=48.0 + north, longitude=2.0))])
    with catalog.snapshot() as snapshot:
        found = [len(Selection(snapshot).ids(Within(48.0, 2.0, km), "image")) for km in (0.0104, 0.0106)]
    assert found == [0, 1]


@pytest.mark.parametrize(
    "middle", [(48.85, 2.35), (-33.9, 151.2), (78.0, 15.0), (0.0, 179.9), (60.0, -0.5), (84.0, 3.0)]
)
def test_what_is_near_is_near_by_the_sphere(catalog: Catalog, middle: tuple[float, float]) -> None:
    """Around the circle, a metre within and a metre beyond, and all over the box around it."""
    photos = []
    for km in (20.0, 600.0):
        for at in range(24):
            for beyond in (-0.001, 0.001):
                turn, angle = math.radians(15 * at), (km + beyond) / 6371.0088
                north, east = math.radians(middle[0]), math.radians(middle[1])
                up = math.asin(math.sin(north) * math.cos(angle) + math.cos(north) * math.sin(angle) * math.cos(turn))
                over = math.atan2(
                    math.sin(turn) * math.sin(angle) * math.cos(north), math.cos(angle) - math.sin(north) * math.sin(up)
                )
                there = (math.degrees(up), (math.degrees(east + over) + 180) % 360 - 180)
                name = f"/p/{km}-{at}-{beyond}.jpg"
                photos.append(Photo(name, 1, Metadata(9, 9, "JPEG", latitude=there[0], longitude=there[1])))
    fill(catalog, photos)
    with catalog.snapshot() as snapshot:
        for km in (20.0, 600.0, 700.0):
            found = set(Selection(snapshot).ids(Within(*middle, km), "image").tolist())
            wanted = {
                photo.ids["image"]
                for photo in photos
                if (own := float(photo.name[3:].partition("-")[0])) < km or (own == km and "--" in photo.name)
            }
            assert found == wanted


SAID = Metadata(9, 9, "JPEG", captions=("The café's invoice (ACME)",), keywords=("summer holiday", "sea"))


@pytest.mark.parametrize(
    ("line", "keyword", "wanted"),
    [
        ("cafe", False, [True, False]),
        ("ACME invoice", False, [True, False]),
        ("invoice holiday", False, [True, False]),
        ("invoice text", False, [False, False]),
        ("text", False, [False, True]),
        ("summer", True, [True, False]),
        ("Summer Holiday", True, [True, False]),
        ("holiday sea", True, [False, False]),
        ("cafe", True, [False, False]),
        ('caf* OR "x" NEAR(a) captions: -', False, [False, False]),
    ],
)
def test_words_of_captions_and_keywords(catalog: Catalog, line: str, keyword: bool, wanted: list[bool]) -> None:
    photos = [Photo("/text/a.jpg", 1, SAID), Photo("/text/b.jpg", 1, Metadata(9, 9, "JPEG"), told=True)]
    fill(catalog, photos)
    with catalog.snapshot() as snapshot:
        for holds, flip in ((True, False), (False, True)):
            test: Criterion = Says.in_keyword(line) if keyword else Says.in_texts(line)
            found = set(Selection(snapshot).ids(test if holds else No(test), "image").tolist())
            assert [photo.ids["image"] in found for photo in photos] == [each != flip for each in wanted]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_are_words(catalog: Catalog, text: str) -> None:
    fill(catalog, [Photo("/a.jpg", 1, SAID)])
    with catalog.snapshot() as snapshot:
        for test in (Says(("captions", "keywords"), (("invoice",), (text,))), Says(("keywords",), (("sea", text),))):
            assert len(Selection(snapshot).ids(test, "image")) in (0, 1)
            assert len(Selection(snapshot).among(No(test), "text", [1, 2])) == 0


def test_a_limit_ends_early(catalog: Catalog, tmp_path: Path) -> None:
    fill(catalog, [Photo(f"/p/{number}.jpg", 1, Metadata(9, 9, "JPEG")) for number in range(9)])
    with catalog.snapshot() as snapshot:
        assert len(Selection(snapshot).ids(OfType("jpeg"), "image", 4)) == 4


def test_the_narrowest_of_several_indexes_gives_the_same(catalog: Catalog) -> None:
    photos = [
        Photo(
            f"/p/{'trips' if at % 2 else 'home'}/{at}.jpg",
            1,
            Metadata(9, 9, "JPEG", f"20{at + 10}-06-01T12:00:00", cam),
        )
        for at, cam in enumerate(("Pixel", "Canon", "Pixel", "Canon", None, "Pixel"))
    ]
    fill(catalog, photos)
    tests: tuple[Criterion, ...] = (Dated(1_300_000_000, None), MadeWith("camera", "pixel"), BelowNamed("trips"))
    with catalog.snapshot() as snapshot:
        for criterion in (Both(tests), Both(tests[:2]), Both(tests[1:]), Both((Dated(None, None), *tests))):
            wanted = {photo.ids["image"] for photo in photos if holds(criterion, photo)}
            assert set(Selection(snapshot).ids(criterion, "image").tolist()) == wanted != set()
