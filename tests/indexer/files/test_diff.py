"""The merge join of a scan with the catalog, against a plain one with sets."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from indexer.catalog.known_files import KnownFile
from indexer.files.diff import Comparison, Gone, Returned, ToRead, Untimed
from indexer.images.sniff import FORMAT_READER
from indexer.types import METADATA_READER, Candidate

PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6).map("/r/".__add__)
STATES = st.sampled_from(["present", "vanished", "failed"])


CTIMES = st.integers(8, 9)
#: Beyond what 64 bits hold: the year 2300 (as `os.stat` tells it), and how a catalog has it.
FAR, FAR_KEPT = 10_413_792_000_000_000_000, 10_413_792_000_000_000_000 - 2**64


@given(
    st.dictionaries(PATHS, st.tuples(st.integers(0, 2), CTIMES)),
    st.dictionaries(PATHS, st.tuples(st.integers(0, 2), STATES, CTIMES | st.none())),
    st.booleans(),
)
def test_every_path_is_judged_once_and_as_a_plain_comparison_does(
    disk: dict[str, tuple[int, int]], known: dict[str, tuple[int, str, int | None]], verify: bool
) -> None:
    found = [(os.fsencode(path), size, 7, ctime) for path, (size, ctime) in disk.items()]
    rows = [
        KnownFile(os.fsencode(path), size, 7, number, "image", state, None, 1, 1, METADATA_READER, ctime)
        for number, (path, (size, state, ctime)) in enumerate(known.items())
    ]
    comparison = Comparison(sorted(found), sorted(rows), verify=verify)
    answers = list(comparison)

    expected: dict[str, type] = {}
    unchanged = 0
    for path, (size, ctime) in disk.items():
        before = known.get(path)
        if verify or before is None or before[0] != size or before[1] == "failed" or before[2] not in (None, ctime):
            expected[path] = ToRead
        elif before[1] == "vanished":
            expected[path] = Returned
        else:
            unchanged += 1
            if before[2] is None:
                expected[path] = Untimed
    for path, (_, state, _) in known.items():
        if path not in disk and state != "vanished":
            expected[path] = Gone
    given_paths = [one.candidate.path if isinstance(one, ToRead) else one.row.path for one in answers]
    assert given_paths == sorted(expected, key=os.fsencode)
    assert {path: type(one) for path, one in zip(given_paths, answers, strict=True)} == expected
    assert comparison.unchanged == unchanged
    assert all(one.ctime_ns == disk[one.row.path][1] for one in answers if isinstance(one, Untimed))


def test_times_that_64_bits_do_not_hold_are_compared_as_a_catalog_has_them() -> None:
    row = KnownFile(b"/r/a.jpg", 5, FAR_KEPT, 1, "image", "present", None, 1, 1, METADATA_READER, FAR_KEPT)
    same = Comparison([(b"/r/a.jpg", 5, FAR, FAR)], [row])
    assert (list(same), same.unchanged) == ([], 1)
    later = Comparison([(b"/r/a.jpg", 5, FAR, FAR + 1)], [row])
    assert list(later) == [ToRead(Candidate("/r/a.jpg", 5, FAR_KEPT, FAR_KEPT + 1))]


def test_a_file_without_an_embedding_is_read_again() -> None:
    row = KnownFile(b"/r/a.jpg", 5, 7, 1, "image", "present", None, 0, 1, METADATA_READER)
    assert list(Comparison([(b"/r/a.jpg", 5, 7, 8)], [row])) == [ToRead(Candidate("/r/a.jpg", 5, 7, 8))]


def test_another_file_needs_no_embedding() -> None:
    comparison = Comparison(
        [(b"/r/a.txt", 5, 7, 8)],
        [KnownFile(b"/r/a.txt", 5, 7, 1, "captions", "present", None, 0, FORMAT_READER, None, 8)],
    )
    assert (list(comparison), comparison.unchanged) == ([], 1)


def test_a_file_that_could_not_be_read_last_time_is_tried_again() -> None:
    row = KnownFile(b"/r/a.jpg", 5, 7, 1, "image", "present", "permission denied", 1, 1, METADATA_READER)
    assert list(Comparison([(b"/r/a.jpg", 5, 7, 8)], [row])) == [ToRead(Candidate("/r/a.jpg", 5, 7, 8))]
