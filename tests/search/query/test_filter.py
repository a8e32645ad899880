"""Filters from Python's own values, and the lines of the query language that they print as."""

from __future__ import annotations

import pickle
import re
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.errors import UsageError
from search.query.filter import Filter


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"taken": ("2021-01-01", "2022-01-01")}, "after:2021-01-01 before:2022-01-01"),
        ({"taken": (None, date(2021, 6, 1))}, "before:2021-06-01"),
        ({"taken": 2021}, "in:2021"),
        ({"taken": "2019-06..2019-09"}, "in:2019-06..2019-09"),
        ({"after": "2w", "before": date(2021, 6, 3)}, "after:2w before:2021-06-03"),
        ({"year": (2019, 2021)}, "year:2019..2021"),
        ({"month": (11, 2)}, "month:11..2"),
        ({"weekday": [6, "sun"]}, "(weekday:6 | weekday:sun)"),
        ({"time": (time(18), time(23, 30))}, "time:18:00..23:30"),
        ({"near": ("Paris", 5)}, "near:Paris,5"),
        ({"near": "Paris, Texas"}, 'near:"Paris, Texas,20"'),
        ({"near": (48.8566, 2.3522)}, "near:48.8566,2.3522,20"),
        ({"near": (-33.5, -70, 2.5)}, "near:-33.5,-70,2.5"),
        ({"path": Path("/photos/my trips")}, 'path:"/photos/my trips"'),
        ({"type": ["png", "jpg"]}, "(type:png | type:jpeg)"),
        ({"size": (None, 5_000_000)}, "size:..5000000"),
        ({"width": 4032, "height": (1000, None)}, "width:4032 height:1000.."),
        ({"taken": "２０２１", "weekday": "sat，sun"}, "in:2021 (weekday:sat | weekday:sun)"),
        ({"megapixels": 12}, "megapixels:12"),
        ({"megapixels": (12, 20.5)}, "megapixels:12..20.5"),
        ({"id": 42, "has": "gps"}, "has:gps id:42"),
        ({"year": np.int64(2021), "width": np.int32(300)}, "year:2021 width:300"),
        ({"near": ("Paris", np.int64(5))}, "near:Paris,5"),
        ({"id": np.array([3, 4])}, "(id:3 | id:4)"),
        ({"path": "/a  b", "name": "q  r"}, 'path:"/a  b" name:"q  r"'),
    ],
)
def test_values_of_python(given: dict[str, Any], line: str) -> None:
    found = Filter(**given)
    assert str(found) == line
    assert Filter.parse(line) == found
    assert hash(Filter.parse(line)) == hash(found)
    assert pickle.loads(pickle.dumps(found)) == found


def test_joined() -> None:
    png, gps, france = Filter(type="png"), Filter(has="gps"), Filter(country="FR")
    assert str(png & ~gps) == "type:png -has:gps"
    assert str(png | gps & france) == "(type:png | has:gps country:FR)"
    assert Filter.parse(str(png | gps & france)) == png | gps & france
    assert str((png | gps) & france) == "(type:png | has:gps) country:FR"
    assert str(~(png & gps)) == "-(type:png has:gps)"
    assert ~~png == png
    assert (png & gps) & france == png & (gps & france)
    with pytest.raises(AttributeError):
        png.condition = gps.condition


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({}, UsageError, "at least one condition"),
        ({"taken": "2021-13"}, UsageError, "`taken`: 2021-13 is no date"),
        ({"taken": ("2022", "2021")}, UsageError, "ends before it begins"),
        ({"taken": (None, None)}, UsageError, "at least one end"),
        ({"taken": datetime(2021, 6, 3, 12)}, TypeError, r"give its .date\(\)"),
        ({"near": ("Paris", "5")}, TypeError, r"each a number but the place, not \('Paris', '5'\)\."),
        ({"near": (48.85,)}, TypeError, r"not \(48\.85\)\."),
        ({"near": (10**5000, "x")}, TypeError, "not \\(a huge number, 'x'\\)"),
        ({"camera": 10**5000}, TypeError, "not a huge number"),
        ({"type": ("jpeg", "png")}, TypeError, r"a list means any of its values, \['jpeg', 'png'\]"),
        ({"id": np.array([], np.int64)}, UsageError, "is an empty list"),
        ({"near": ("Paris", -1)}, UsageError, "no radius"),
        ({"near": ("Paris", "far")}, TypeError, r"takes \(place, km\)"),
        ({"near": (100, 2)}, UsageError, "no latitude"),
        ({"near": (float("nan"), 2)}, UsageError, "`near`"),
        ({"near": 5}, TypeError, "`near` takes what near: takes"),
        ({"size": (5, 2)}, UsageError, "write 2..5"),
        ({"size": (1, 2, 3)}, TypeError, "not 3"),
        ({"year": True}, TypeError, "not True"),
        ({"camera": ("a", "b")}, TypeError, "no range"),
        ({"type": []}, UsageError, "an empty list"),
        ({"type": "jepg"}, UsageError, "did you mean jpeg"),
        ({"near": ()}, TypeError, r"takes \(place, km\)"),
        ({"near": (None, 5)}, TypeError, r"takes \(place, km\)"),
        ({"near": (10**400, 0)}, UsageError, "degrees and kilometres"),
        ({"year": 10**5000}, UsageError, "no year is so large"),
        ({"id": list(range(1, 1100))}, UsageError, "at most 1,000 ids"),
    ],
)
def test_values_that_mean_nothing(given: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Filter(**given)


@pytest.mark.parametrize("line", ["red car", "in:2021 red", "sort:date", "in:2021 sort:date", ""])
def test_a_filter_is_fields_alone(line: str) -> None:
    with pytest.raises(UsageError):
        Filter.parse(line)


def test_filters_are_joined_by_operators_alone() -> None:
    png: Any = Filter(type="png")
    with pytest.raises(TypeError, match=r"by & and \|"):
        png and Filter(has="gps")
    for other in (None, "type:png"):
        with pytest.raises(TypeError):
            png & other
        with pytest.raises(TypeError):
            png | other
    deep = png
    with pytest.raises(UsageError, match="at most"):
        for year in range(1000, 1300):
            deep = ~(deep & Filter(year=year)) | Filter(has="gps")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("foo:1990", "character 1: there is no field foo:; those of a filter are in, after, before, year"),
        ("in:2021 foo:1990", "character 9: there is no field foo:; those of a filter are in, after, before, year"),
        ("foo: 1990", "character 1: there is no field foo:; those of a filter are in, after, before, year"),
        ("yeer:1990", "there is no field yeer:; did you mean year:, as in"),
        ("in:2021 sort:date", "sort: chooses nothing by what is known of a photograph, so it is in no filter; leave"),
        ("a cat", "and 'a cat' says more; leave the words out."),
        ("see http://a.b", "says more; leave the words out."),
    ],
)
def test_a_line_that_is_more_than_a_filter_names_what_is_none(line: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        Filter.parse(line)
