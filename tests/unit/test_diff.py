"""The merge join of a scan with the catalog, against a plain one with sets."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from indexer.catalog.snapshot import FileRow
from indexer.diff import Gone, Returned, Unchanged, Work, compare
from indexer.types import Candidate

PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6).map("/r/".__add__)
STATES = st.sampled_from(["present", "vanished", "failed"])


@given(st.dictionaries(PATHS, st.integers(0, 2)), st.dictionaries(PATHS, st.tuples(st.integers(0, 2), STATES)))
def test_every_path_is_judged_once_and_as_a_plain_comparison_does(
    disk: dict[str, int], known: dict[str, tuple[int, str]]
) -> None:
    found = [Candidate(path, size, 7) for path, size in sorted(disk.items(), key=lambda pair: os.fsencode(pair[0]))]
    rows = [
        FileRow(number, path, size, 7, "image", state, None, True)
        for number, (path, (size, state)) in enumerate(sorted(known.items(), key=lambda pair: os.fsencode(pair[0])))
    ]
    answers = list(compare(found, rows))

    expected: dict[str, type] = {}
    for path, size in disk.items():
        if path not in known or known[path][0] != size or known[path][1] == "failed":
            expected[path] = Work
        else:
            expected[path] = Returned if known[path][1] == "vanished" else Unchanged
    for path, (_, state) in known.items():
        if path not in disk and state != "vanished":
            expected[path] = Gone
    given_paths = [one.candidate.path if isinstance(one, Work) else one.row.path for one in answers]
    assert given_paths == sorted(expected, key=os.fsencode)
    assert {path: type(one) for path, one in zip(given_paths, answers, strict=True)} == expected


def test_a_file_without_an_embedding_is_read_again() -> None:
    row = FileRow(1, "/r/a.jpg", 5, 7, "image", "present", None, encoded=False)
    assert list(compare([Candidate("/r/a.jpg", 5, 7)], [row])) == [Work(Candidate("/r/a.jpg", 5, 7))]


def test_a_file_that_could_not_be_read_last_time_is_tried_again() -> None:
    row = FileRow(1, "/r/a.jpg", 5, 7, "image", "present", "permission denied", encoded=True)
    assert list(compare([Candidate("/r/a.jpg", 5, 7)], [row])) == [Work(Candidate("/r/a.jpg", 5, 7))]
