"""The reader of tars, against Python's own writer, and with bytes that are none."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.storage.tar_format import BLOCK, Members, clean_name, read_members
from tests.fixtures.places_of_files import tar_of

FORMS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
NAMES = st.text("abäß日 .-_", min_size=1, max_size=130).filter(lambda name: name.strip("."))
FILES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=1_500), min_size=0, max_size=6
)


def members(data: bytes) -> Members:
    asked = 0

    def read_at(start: int, size: int) -> bytes:
        nonlocal asked
        asked += size
        assert asked <= 2 * len(data) + 100 * BLOCK  # bounded by what is there
        return data[start : start + size]

    return read_members(read_at, len(data))


@settings(max_examples=40, deadline=None)
@given(FILES, st.sampled_from(FORMS[1:]))
def test_it_reads_what_python_writes(files: dict[str, bytes], form: int) -> None:
    data = tar_of(files, form)
    found = members(data)
    assert not found.fault
    assert {name.decode(): data[m.start : m.start + m.size] for name, m in found.files.items()} == files
    assert {each.mtime_ns for each in found.files.values()} <= {1_600_000_000 * 10**9}


def test_ustar_with_its_prefixes() -> None:
    files = {f"{'folder/' * 20}{number}.jpg": b"x" * number for number in range(600)}
    data = tar_of(files, tarfile.USTAR_FORMAT)
    assert {name.decode(): m.size for name, m in members(data).files.items()} == {n: len(d) for n, d in files.items()}


@settings(max_examples=40, deadline=None)
@given(FILES.filter(bool), st.sampled_from(FORMS[1:]), st.data())
def test_of_one_that_ends_early_the_whole_files_are_read(
    files: dict[str, bytes], form: int, data: st.DataObject
) -> None:
    whole = tar_of(files, form)
    content_ends = max(m.start + m.size for m in members(whole).files.values())
    cut = whole[: data.draw(st.integers(0, content_ends))]
    found = members(cut)
    assert found.fault
    for name, m in found.files.items():
        assert cut[m.start : m.start + m.size] == files[name.decode()]


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=4 * BLOCK))
def test_random_bytes_are_no_tar(data: bytes) -> None:
    found = members(data)
    assert not found.files
    assert found.fault or not any(data[:BLOCK])


@settings(max_examples=40, deadline=None)
@given(FILES.filter(bool), st.sampled_from(FORMS[1:]), st.data())
def test_a_changed_byte_does_no_harm(files: dict[str, bytes], form: int, data: st.DataObject) -> None:
    whole = bytearray(tar_of(files, form))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = members(bytes(whole))
    assert all(0 <= m.start <= m.start + m.size <= len(whole) for m in found.files.values())
    assert all(clean_name(name) == name for name in found.files)


def test_what_is_no_file_of_it_is_counted_and_left_out() -> None:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE)
        for number, kind in enumerate(kinds):
            entry = tarfile.TarInfo(f"entry-{number}")
            entry.type, entry.linkname = kind, "/etc/passwd"
            tar.addfile(entry)
        for name in ("../out.jpg", "/abs.jpg", "a/../../b.jpg", "./good.jpg", "also//./good.jpg"):
            entry = tarfile.TarInfo(name)
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"four"))
    found = members(written.getvalue())
    assert set(found.files) == {b"good.jpg", b"also/good.jpg"}
    assert found.skipped == 8
    assert found.first_skipped == "entry-0"
    assert not found.fault


def test_of_two_entries_of_one_name_the_last_counts() -> None:
    data = tar_of({"a.jpg": b"old"})[:1_024] + tar_of({"./a.jpg": b"newer"})
    assert members(data).files[b"a.jpg"].size == 5


@pytest.mark.parametrize("size", [b"77777777777\0", b"\x80" + b"\xff" * 11, b"\xff" * 12, b"9" * 12])
def test_a_size_that_makes_no_sense_takes_no_memory(size: bytes) -> None:
    data = bytearray(tar_of({"a.jpg": b"data"}))
    data[124:136] = size
    total = sum(data[:512]) - sum(data[148:156]) + 8 * ord(" ")
    data[148:156] = b"%06o\0 " % total
    found = members(bytes(data))
    assert found.fault
    assert not found.files


def test_what_a_pax_header_says_of_one_entry_is_bounded() -> None:
    entry = tarfile.TarInfo("a.jpg")
    entry.pax_headers = {"comment": "x" * (1 << 21)}
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(entry)
    assert "too long" in members(written.getvalue()).fault
