"""Where a server is, as people write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import UsageError
from search.remote.addresses import Address


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("http://127.0.0.1:8765", Address("127.0.0.1", 8765)),
        ("http://127.0.0.1:8765/", Address("127.0.0.1", 8765)),
        ("HTTP://localhost", Address("localhost", 80)),
        ("https://photos.example/below/", Address("photos.example", 443, True, None, "/below")),
        ("http://127.0.0.1:8765/api/v1", Address("127.0.0.1", 8765)),
        ("https://photos.example/below/api/v1/", Address("photos.example", 443, True, None, "/below")),
        ("http://[::1]:8765", Address("::1", 8765)),
        ("unix:/run/search.sock", Address(socket="/run/search.sock")),
        ("unix:///run/search.sock", Address(socket="/run/search.sock")),
    ],
)
def test_addresses_are_read(written: str, read: Address) -> None:
    assert Address.parse(written) == read
    assert Address.parse(str(read)) == read


@pytest.mark.parametrize(
    "written",
    [
        *("", "127.0.0.1:8765", "localhost", "ftp://x", "http://", "http://:80", "http://x:port", "http://x:99999"),
        *(
            "http://u:p@x",
            "http://x/?a=b",
            "http://x/#a",
            "http://x\r\nHost: y",
            "http://x y",
            "http://[::1",
            "file:/x",
        ),
        *("unix:", "unix:relative.sock", "unix:/a\0b", "photos.search", "file:/x"),
    ],
)
def test_what_is_none_is_said(written: str) -> None:
    with pytest.raises(UsageError, match="give one as http"):
        Address.parse(written)


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        read = Address.parse(text)
    except UsageError:
        return
    assert read.socket or read.host
    assert "\n" not in str(read).removeprefix(f"unix:{read.socket}")
