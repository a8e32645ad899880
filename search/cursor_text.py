"""The text of cursors: values of JSON, as one line that may travel to a browser and back."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Final

#: No cursor is longer: the longest thing in one is the name of a file.
_LONGEST: Final = 4_000


def packed(fields: Sequence[str | int | float | None]) -> str:
    """One line of letters, digits, "-", "_" and "="."""
    return base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()


def unpacked(text: str) -> list[object]:
    """The fields of such a line. Raises ValueError for what is no such line."""
    if len(text) > _LONGEST:
        raise ValueError("too long")
    try:
        found = json.loads(base64.b64decode(text.encode("ascii"), b"-_", validate=True))
    except (binascii.Error, RecursionError) as error:
        raise ValueError("no cursor") from error
    if not isinstance(found, list):
        raise ValueError("no cursor")
    return found
