"""The merge join of a scan with the catalog, against a plain one with sets."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from indexer.catalog.files import KnownFile
from indexer.files.diff import Comparison, Gone, Returned, ToRead
from indexer.types import Candidate

PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6).map("/r/".__add__)
STATES = st.sampled_from(["present", "vanished", "failed"])


@given(st.dictionaries(PATHS, st.integers(0, 2)), st.dictionaries(PATHS, st.tuples(st.integers(0, 2), STATES)))
def test_every_path_is_judged_once_and_as_a_plain_comparison_does(
    disk: dict[str, int], known: dict[str, tuple[int, str]]
) -> None:
    found = [(key, size, 7) for key, size in sorted((os.fsencode(path), size) for path, size in disk.items())]
    rows = [
        KnownFile(key, size, 7, number, "image", state, None, 1, 1, 1)
        for number, (key, (size, state)) in enumerate(sorted((os.fsencode(path), row) for path, row in known.items()))
    ]
    comparison = Comparison(found, rows)
    answers = list(comparison)

    expected: dict[str, type] = {}
    unchanged = 0
    for path, size in disk.items():
        if path not in known or known[path][0] != size or known[path][1] == "failed":
            expected[path] = ToRead
        elif known[path][1] == "vanished":
            expected[path] = Returned
        else:
            unchanged += 1
    for path, (_, state) in known.items():
        if path not in disk and state != "vanished":
            expected[path] = Gone
    given_paths = [one.candidate.path if isinstance(one, ToRead) else one.row.path for one in answers]
    assert given_paths == sorted(expected, key=os.fsencode)
    assert {path: type(one) for path, one in zip(given_paths, answers, strict=True)} == expected
    assert comparison.unchanged == unchanged


def test_a_file_without_an_embedding_is_read_again() -> None:
    row = KnownFile(b"/r/a.jpg", 5, 7, 1, "image", "present", None, 0, 1, 1)
    assert list(Comparison([(b"/r/a.jpg", 5, 7)], [row])) == [ToRead(Candidate("/r/a.jpg", 5, 7))]


def test_another_file_needs_no_embedding() -> None:
    comparison = Comparison(
        [(b"/r/a.txt", 5, 7)], [KnownFile(b"/r/a.txt", 5, 7, 1, "captions", "present", None, 0, 1, None)]
    )
    assert (list(comparison), comparison.unchanged) == ([], 1)


def test_a_file_that_could_not_be_read_last_time_is_tried_again() -> None:
    row = KnownFile(b"/r/a.jpg", 5, 7, 1, "image", "present", "permission denied", 1, 1, 1)
    assert list(Comparison([(b"/r/a.jpg", 5, 7)], [row])) == [ToRead(Candidate("/r/a.jpg", 5, 7))]
