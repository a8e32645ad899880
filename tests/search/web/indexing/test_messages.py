"""What the indexing process says, line by line."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import StoreBusyError
from indexer.types import Failure, Report
from search.web.indexing.messages import NAMED_FAILURES, Teller, read


def lines(stream: io.BytesIO) -> list[object]:
    return [read(line) for line in stream.getvalue().splitlines()]


def test_files_are_told_ten_times_a_second_at_most_and_all_of_them() -> None:
    stream, now = io.BytesIO(), [100.0]
    teller = Teller(stream, lambda: now[0])
    teller.phase("Looking")
    teller.total(30)
    for _ in range(30):
        teller.advance(1)
        now[0] += 0.01
    teller.phase("Building")
    found = lines(stream)
    assert found[:2] == [{"phase": "Looking"}, {"total": 30}]
    assert found[-1] == {"phase": "Building"}
    steps = [each["advance"] for each in found if isinstance(each, dict) and "advance" in each]
    assert sum(steps) == 30
    assert len(steps) <= 4


def test_a_report_names_the_first_failures() -> None:
    stream = io.BytesIO()
    failures = [Failure(f"/photos/{number}.jpg", "it is empty") for number in range(80)]
    Teller(stream).report(Report(encoded=7, failures=failures, altered=["/photos/x"]))
    (found,) = lines(stream)
    assert isinstance(found, dict)
    report = found["report"]
    assert (report["encoded"], report["failed"], report["altered"]) == (7, 80, 1)
    assert len(report["failures"]) == NAMED_FAILURES
    assert report["failures"][0] == {"path": "/photos/0.jpg", "reason": "it is empty"}


def test_ends_are_told() -> None:
    stream = io.BytesIO()
    teller = Teller(stream)
    teller.problem(StoreBusyError("It is busy; wait."))
    teller.stopped()
    assert lines(stream) == [{"problem": {"error": "StoreBusyError", "detail": "It is busy; wait."}}, {"stopped": True}]


@given(st.text())
def test_any_name_survives_in_one_line(name: str) -> None:
    stream = io.BytesIO()
    Teller(stream).phase(name)
    assert lines(stream) == [{"phase": name}]


def test_a_name_that_is_not_utf_8_survives() -> None:
    stream = io.BytesIO()
    Teller(stream).phase("Indexing /photos/\udcff")
    assert lines(stream) == [{"phase": "Indexing /photos/\udcff"}]


@pytest.mark.parametrize("line", [b"", b'{"phase": "Loo', b"[1]", b"7", b"\xff\xfe", b"null"])
def test_a_line_that_was_cut_short_is_none(line: bytes) -> None:
    assert read(line) is None


def test_nobody_who_listens_is_said() -> None:
    class Closed(io.BytesIO):
        def write(self, _: object) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Teller(Closed()).phase("x")
