"""Server-sent events (WHATWG HTML, 9.2), as bytes."""

from __future__ import annotations

import json
from typing import Final

MEDIA_TYPE: Final = "text/event-stream"
#: A comment: proxies and clients see that the connection lives.
KEEP_ALIVE: Final = b":\n\n"


def event(name: str, data: object) -> bytes:
    """An event with JSON for its data, which has no line break."""
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
