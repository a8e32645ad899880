"""What the guard lets through, as ASGI has it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from search.web.guard import Guard
from search.web.settings import Limits, ServeSettings

TOKEN = "a-token-of-a-test"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, and says how long it is."""
    length = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        length += len(message["body"])
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def answer(
    settings: ServeSettings,
    parts: Sequence[bytes | None] = (b"",),
    *,
    server: tuple[str, int | None] | None = ("127.0.0.1", 8765),
    client: tuple[str, int] | None = ("127.0.0.1", 5000),
    path: str = "/api/v1/health",
    headers: Sequence[tuple[bytes, bytes]] = ((b"host", b"127.0.0.1:8765"),),
) -> tuple[int, bytes]:
    """Status and body for a request whose body comes in `parts`; None: nothing comes any more."""
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "query_string": b"", "scheme": "http"}
    scope |= {"headers": list(headers), "server": server, "client": client}
    left = list(parts)
    sent: list[Message] = []

    async def receive() -> Message:
        part = left.pop(0) if left else None
        if part is None:
            await asyncio.Event().wait()
            raise AssertionError
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    async def work() -> None:
        async with asyncio.timeout(20):
            await Guard(application, settings)(scope, receive, send)

    asyncio.run(work())
    assert [message["type"] for message in sent].count("http.response.start") == 1
    assert not sent[-1].get("more_body")
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def test_a_unix_socket_is_its_owners_and_asks_for_no_name_and_no_token() -> None:
    for settings in (ServeSettings(), ServeSettings(token=TOKEN)):
        found = answer(settings, [b"abc"], server=("/run/s.sock", None), client=None, headers=[(b"host", b"s")])
        assert found == (200, b"3")


def test_a_server_of_which_nobody_says_where_it_listens_is_closed() -> None:
    assert answer(ServeSettings(), server=None)[0] == 421


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([b"x" * 100], 200),
        ([b"x" * 50, b"x" * 50], 200),
        ([b"x" * 101], 413),
        ([b"x" * 60, b"x" * 60], 413),
        ([b"x", None], 408),
        ([None], 408),
    ],
)
def test_a_body_within_its_bounds(parts: list[bytes | None], status: int) -> None:
    limits = Limits(body_bytes=100, silence=0.2)
    found, body = answer(ServeSettings(limits=limits), parts)
    assert found == status
    assert (b"problem" in body or b'"type"' in body) == (status != 200)


@pytest.mark.parametrize("length", [80, 81])
def test_headers_are_bounded_however_they_come(length: int) -> None:
    """The server's own bound is one of headers that come in pieces."""
    headers = [(b"host", b"127.0.0.1:8765"), (b"x", b"y" * length)]
    status, body = answer(ServeSettings(limits=Limits(header_bytes=4 + 14 + 1 + 80)), headers=headers)
    assert (status, b"more than 99 bytes" in body) == ((200, False) if length == 80 else (431, True))


def test_two_hosts_are_none() -> None:
    headers = [(b"host", b"127.0.0.1:8765"), (b"host", b"evil.example")]
    assert answer(ServeSettings(), headers=headers)[0] == 421
    assert answer(ServeSettings(), headers=[])[0] == 421


def test_what_is_no_request_for_http_is_left() -> None:
    async def work() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            raise AssertionError

        await Guard(application, ServeSettings())({"type": "websocket", "path": "/"}, receive, send)
        return sent

    assert asyncio.run(work()) == []
