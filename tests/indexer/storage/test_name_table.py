"""Tables of names: what a row stands for, and files that are no such table."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.storage.name_table import MAX_ROWS, read_rows
from indexer.storage.named_files import inner_path


def table(**columns: object) -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written)
    return written.getvalue()


WHOLE = table(url=["a.jpg", "b.jpg", None, "a.jpg"], caption=["one", None, "of nothing", "two"], width=[1, 2, 3, 4])


def test_rows_with_their_texts() -> None:
    rows = read_rows(io.BytesIO(WHOLE), texts=True)
    assert (rows.names, rows.texts, rows.fault) == (["a.jpg", "b.jpg"], [("a.jpg", "one"), ("a.jpg", "two")], "")


def test_of_several_columns_of_names_the_first_known_one_counts_and_other_types_do_not() -> None:
    data = table(key=[1, 2], URL=pa.array(["a.jpg", "b.jpg"]).dictionary_encode(), file_size=[3, 4])
    assert read_rows(io.BytesIO(data), texts=False).names == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (table(width=[1]), "no column of names"),
        (table(path=pa.array([None] * (MAX_ROWS + 1), pa.string())), "more than 2,000,000 rows"),
        (b"", "no Parquet file"),
        (b"PAR1" + b"\xff" * 40 + b"PAR1", "no Parquet file"),
    ],
    ids=["columns", "rows", "empty", "broken"],
)
def test_what_is_no_such_table_says_why(data: bytes, words: str) -> None:
    rows = read_rows(io.BytesIO(data), texts=True)
    assert not rows.names
    assert words in rows.fault


def test_one_that_says_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is kept of it: how large a damaged file calls itself cannot be asked."""
    data = table(path=pa.array(["a.jpg", "a.jpg", "b.jpg"]), caption=pa.array(["one", "two", None]))
    for most, fault in ((16, ""), (15, "its names and texts have more than 15 characters; split it into several")):
        monkeypatch.setattr("indexer.storage.name_table._MOST", most)
        rows = read_rows(io.BytesIO(data), texts=True)
        assert (rows.names, rows.fault) == (["a.jpg", "b.jpg"] if not fault else [], fault)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_one_that_ends_early_does_no_harm(length: int) -> None:
    assert read_rows(io.BytesIO(WHOLE[:length]), texts=True).fault


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_a_changed_byte_does_no_harm(at: int, byte: int) -> None:
    data = bytearray(WHOLE)
    data[at] = byte
    rows = read_rows(io.BytesIO(bytes(data)), texts=True)
    assert rows.fault or len(rows.names) <= 4


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=600))
def test_random_bytes_are_no_table(data: bytes) -> None:
    for each in (data, b"PAR1" + data + b"PAR1"):
        assert read_rows(io.BytesIO(each), texts=True).fault


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        ("2024/a.jpg", "2024/a.jpg"),
        ("./2024//a.jpg", "2024/a.jpg"),
        ("/nas/a.jpg", "file:/nas/a.jpg"),
        ("s3://bucket/a.jpg", "s3:/bucket/a.jpg"),
        ("S3://bucket/a.jpg", "s3:/bucket/a.jpg"),
        ("../a.jpg", None),
        ("/nas/../etc/a.jpg", None),
        ("s3://bucket/../a.jpg", None),
        ("s3://key:secret@bucket/a.jpg", None),
        ("https://a.example/a.jpg?sig=abc", None),
        ("file:/etc/a.jpg", None),
        ("s3:/bucket/a.jpg", None),
        ("captions.parquet", None),
        ("a\0.jpg", None),
        (".", None),
    ],
)
def test_the_path_that_stands_for_a_name(name: str, inner: str | None) -> None:
    assert inner_path(name) == inner
