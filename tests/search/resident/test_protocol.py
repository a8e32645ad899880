"""Frames between a command and the resident process: what goes in comes out, and nothing else is taken for a frame."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.resident import protocol
from search.resident.protocol import ProtocolError, Request
from search.resident.server import State

FIELDS = st.lists(st.binary(max_size=200), max_size=8)
KINDS = st.binary(min_size=1, max_size=1)
STREAMS = st.lists(st.binary(max_size=12), min_size=6, max_size=6)


def received(data: bytes, limit: int = 1 << 20) -> tuple[bytes, list[bytes]]:
    """What the other side makes of these bytes, after which nothing comes."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(5)
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        return protocol.receive(theirs, limit)


@given(KINDS, FIELDS)
def test_a_frame_comes_out_as_it_went_in(kind: bytes, fields: list[bytes]) -> None:
    assert received(protocol.pack(kind, fields)) == (kind, fields)


@given(KINDS, FIELDS, st.data())
def test_a_frame_that_breaks_off_is_none(kind: bytes, fields: list[bytes], data: st.DataObject) -> None:
    frame = protocol.pack(kind, fields)
    cut = data.draw(st.integers(0, len(frame) - 1))
    with pytest.raises(ProtocolError, match="gone"):
        received(frame[:cut])


@given(KINDS, st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=8))
def test_a_frame_that_is_too_large_is_not_read(kind: bytes, fields: list[bytes]) -> None:
    frame = protocol.pack(kind, fields)
    with pytest.raises(ProtocolError, match="allowed"):
        received(frame, len(frame) - 6)


@given(st.binary(max_size=300))
def test_garbage_is_a_frame_or_an_error(data: bytes) -> None:
    try:
        kind, fields = received(data)
    except ProtocolError:
        return
    frame = protocol.pack(kind, fields)
    assert data[: len(frame)] == frame


@given(st.binary(max_size=300))
def test_garbage_in_a_frame_is_fields_or_an_error(body: bytes) -> None:
    try:
        fields = protocol.unpack(body)
    except ProtocolError:
        return
    assert protocol.pack(b"Q", fields)[5:] == body


@given(
    st.binary(max_size=50),
    st.binary(max_size=50),
    st.integers(0, 0o777),
    STREAMS,
    st.none() | st.binary(max_size=50),
    FIELDS,
    FIELDS,
)
def test_a_request_comes_out_as_it_went_in(
    identity: bytes,
    here: bytes,
    mask: int,
    streams: list[bytes],
    store: bytes | None,
    environment: list[bytes],
    arguments: list[bytes],
) -> None:
    request = Request(identity, here, b"1:2", mask, streams, store, environment, arguments)
    again = Request.parse(request.fields())
    assert [getattr(again, name) for name in Request.__slots__] == [
        getattr(request, name) for name in Request.__slots__
    ]


@given(FIELDS)
def test_other_fields_are_no_request(fields: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        Request.parse(fields)


@given(st.integers(0, 255), st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.binary(max_size=100)), max_size=6))
def test_an_answer_comes_out_as_it_went_in(code: int, output: list[tuple[int, bytes]]) -> None:
    assert protocol.parse_answer(protocol.answer_fields(code, output)) == (code, output)


@pytest.mark.parametrize("fields", [[], [b"0", b"1"], [b"-1"], [b"x"], [b"256"], [b"0", b"3", b"data"]])
def test_other_fields_are_no_answer(fields: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        protocol.parse_answer(fields)


def test_a_state_comes_out_as_it_went_in_and_may_be_followed_by_more() -> None:
    state = State(12, "0.1.0", "/a folder/\udcff", True, 3, 900.5, False)
    assert State.parse([*state.fields(), b"of a later version"]) == state
    for fields in ([], state.fields()[:-1], [b"", b"", b"x", b"", b"", b"", b""]):
        with pytest.raises(ProtocolError):
            State.parse(fields)
