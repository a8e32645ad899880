"""What a filter asks of the catalog, in numbers: days, positions, codes and folded texts."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from indexer.catalog.criteria import (
    Below,
    BelowNamed,
    Both,
    Criterion,
    Dated,
    DatedBy,
    Either,
    Has,
    InCountry,
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
from indexer.errors import UsageError
from search.query.filter import Filter
from search.query.resolve import resolve

TODAY = date(2024, 3, 31)


def at(year: int, month: int = 1, day: int = 1) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def resolved(line: str) -> Criterion:
    return resolve(Filter.parse(line), TODAY).criterion


@pytest.mark.parametrize(
    ("line", "criterion"),
    [
        ("in:2021", Dated(at(2021), at(2022))),
        ("in:2021-06-03", Dated(at(2021, 6, 3), at(2021, 6, 4))),
        ("in:2019-12..2020-02", Dated(at(2019, 12), at(2020, 3))),
        ("in:..2020", Dated(None, at(2021))),
        ("in:yesterday", Dated(at(2024, 3, 30), at(2024, 3, 31))),
        ("after:1m", Dated(at(2024, 2, 29), None)),
        ("before:today", Dated(None, at(2024, 3, 31))),
        ("year:2019..2021", Dated(at(2019), at(2022))),
        ("year:2019..", Dated(at(2019), None)),
        ("month:11..2", InCycle("month", 11, 2)),
        ("weekday:weekend", InCycle("weekday", 6, 7)),
        ("time:22:30..4", InCycle("minute", 1350, 299)),
        ("date:taken", DatedBy("taken")),
        ("near:48.85,2.35,5", Within(48.85, 2.35, 5.0)),
        ("near:-33,151", Within(-33.0, 151.0, 20.0)),
        ("country:Deutschland", InCountry("DE")),
        ("country:fr", InCountry("FR")),
        ("camera:PIXEL", MadeWith("camera", "pixel")),
        ('lens:"Café 50"', MadeWith("lens", "cafe 50")),
        ("path:trips/", BelowNamed("trips")),
        ("path:Trips/Été", BelowNamed("trips/ete")),
        ("path:/Photos/Trips/", Below("/photos/trips")),
        ("path:/", Below("")),
        ("path:s3://Bucket/Photos/", Below("s3://bucket/photos")),
        ("path:Berlin/N.jpg", PathMatches("berlin/n.jpg")),
        ("path:n.jpg", PathMatches("n.jpg")),
        ("path:n.jpg/", BelowNamed("n.jpg")),
        ('path:"[2021] trip"', BelowNamed("[2021] trip")),
        ('path:"trips\\Été"', Either((BelowNamed("trips\\ete"), BelowNamed("trips/ete")))),
        ("path:**/scans/**", PathMatches("**/scans/**")),
        ("path:*.PNG", PathMatches("*.png")),
        ("path:/photos/*/a?/", PathMatches("/photos/*/a?/")),
        ("name:IMG_2", Named("img_2")),
        ("name:*.Scan.*", NameMatches("*.scan.*")),
        ("type:jpg", OfType("jpeg")),
        ("size:1MB..", Measured("size", 1_000_000, None)),
        ("width:4000", Measured("width", 4000, 4000)),
        ("megapixels:12..", Measured("pixels", 12_000_000, None)),
        ("orientation:portrait", Shaped("portrait")),
        ("has:gps", Has("gps")),
        ('text:"ACME invoice"', Says(("captions", "keywords"), (("acme",), ("invoice",)))),
        ("keyword:holiday", Says(("keywords",), (("holiday",),))),
        ("id:42", OfId(42)),
        ("id:42,7,9", OfIds((7, 9, 42))),
        ("(type:png | id:42,7)", Either((OfIds((7, 42)), OfType("png")))),
        ("tag:Red", Tagged("red")),
        ("-type:png", No(OfType("png"))),
        ("type:png has:gps", Both((OfType("png"), Has("gps")))),
        ("(type:png | -(has:gps id:1))", Either((OfType("png"), No(Both((Has("gps"), OfId(1))))))),
    ],
)
def test_a_line(line: str, criterion: Criterion) -> None:
    assert resolved(line) == criterion


def test_paths_of_home_and_of_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "Home"))
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path).lower()
    assert resolved("path:~/Trips") == Below(f"{here}/home/trips")
    assert resolved("path:./Trips/") == Below(f"{here}/trips")
    assert resolved("path:..") == Below(os.path.dirname(here))
    assert resolved("path:~/*.jpg") == PathMatches(f"{here}/home/*.jpg")


def test_a_place_is_the_best_known_one_and_a_note_names_the_others() -> None:
    found = resolve(Filter.parse("near:Paris,5"), TODAY)
    assert isinstance(found.criterion, Within)
    assert (round(found.criterion.latitude, 1), round(found.criterion.longitude, 1)) == (48.9, 2.3)
    assert found.criterion.km == 5
    (note,) = found.notes
    assert note.startswith("near:Paris is taken for Paris, ")
    assert "France; others of that name: Paris, Texas, United States" in note
    assert resolve(Filter.parse('near:"Paris, Texas"'), TODAY).notes == ()
    assert resolve(Filter.parse("(near:Paris | near:Paris,9)"), TODAY).notes == found.notes


def test_tags_are_nobodys_yet() -> None:
    assert resolve(Filter.parse("tag:red"), TODAY).notes == ("Nothing has a tag yet, so tag: finds nothing.",)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("near:Lisbonn", r"No place called 'Lisbonn' is known \(did you mean .*Lisbon.*\?\); near:LAT,LON takes any"),
        ("near:qqqqqq", "No place called 'qqqqqq' is known; near:LAT,LON"),
        ("near:France", "'France' is no city; for the country write country:France."),
        ('near:"South Korea"', 'for the country write country:"South Korea".'),
        ("near:Texas", "'Texas' is no city; for a region name a city in it and how far, as in near:Houston,Texas,200."),
        ("country:Atlantis", "No country called 'Atlantis' is known; its English name or its two letters do"),
        ('text:"--"', "text: takes words, and '--' has none; for any write has:caption."),
        ("keyword:*", "keyword: takes words, and '.' has none; for any write has:keyword."),
    ],
)
def test_what_nobody_knows(line: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resolved(line)
