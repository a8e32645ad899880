"""A file's fingerprint changes with the file, and only with it."""

from __future__ import annotations

import os
from pathlib import Path

from indexer.files.fingerprint import fingerprint
from indexer.types import Candidate, in_64_bits


def test_it_is_the_same_while_nobody_writes(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    assert fingerprint(file) == fingerprint(str(file))
    assert fingerprint(file) is not None


def test_another_file_in_its_place_is_another(tmp_path: Path) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    for path in (file, other):
        path.write_bytes(b"one")
        os.utime(path, ns=(5, 5))
    before = fingerprint(file)
    os.replace(other, file)  # the same size and time
    assert fingerprint(file) != before
    assert Candidate.at(str(file)) == Candidate(str(file), 3, 5, file.stat().st_ctime_ns)


def test_a_file_written_in_place_whose_time_was_put_back_is_another(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    os.utime(file, ns=(5, 5))
    before = fingerprint(file)
    while file.stat().st_ctime_ns == (before or ())[-1]:  # the clock of file systems is coarse
        file.write_bytes(b"two")
        os.utime(file, ns=(5, 5))
    assert fingerprint(file) != before


def test_numbers_that_64_bits_do_not_hold_wrap() -> None:
    least, most = -(2**63), 2**63 - 1
    assert [in_64_bits(number) for number in (least, -1, 0, most)] == [least, -1, 0, most]
    assert [in_64_bits(number) for number in (most + 1, most + 2, least - 1, 2**64 + 5)] == [least, least + 1, most, 5]


def test_one_that_cannot_be_looked_at_has_none(tmp_path: Path) -> None:
    assert fingerprint(tmp_path / "none") is None
    (tmp_path / "a").write_bytes(b"")
    assert fingerprint(tmp_path / "a" / "below") is None
