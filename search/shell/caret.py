"""Shows the character of a line that is wrong: the line, and a caret under it. Imported only where one is."""

from __future__ import annotations

import shutil
import sys
import unicodedata

from search.console.escaping import escaped

_INDENT = "    "
#: Columns of a line that are shown before the wrong character where not all of it fits.
_BEFORE = 0.7


def point_at(line: str, position: int) -> None:
    """To stderr: the line, of a long one the part around `position` (of a character, from 0), and a caret under it."""
    width = max(20, shutil.get_terminal_size().columns - len(_INDENT) - 1)
    before, after = _shown(line[:position]), _shown(line[position:])
    if _columns(before) + _columns(after) > width:
        before = _last(before, int(width * _BEFORE))
        after = _first(after, width - _columns(before))
    sys.stderr.write(f"{_INDENT}{before}{after}".rstrip() + "\n")
    sys.stderr.write(f"{_INDENT}{' ' * _columns(before)}^\n")


def _shown(text: str) -> str:
    encoding = sys.stderr.encoding or "utf-8"
    return escaped(text).encode(encoding, "backslashreplace").decode(encoding)


def _columns(text: str) -> int:
    """How many columns of a terminal it takes: East Asian characters two, marks none."""
    return sum(map(_width, text))


def _width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _first(text: str, columns: int) -> str:
    if _columns(text) <= columns:
        return text
    at = used = 0
    while used + _width(text[at]) <= columns - 1:
        used += _width(text[at])
        at += 1
    return f"{text[:at]}…"


def _last(text: str, columns: int) -> str:
    if _columns(text) <= columns:
        return text
    at, used = len(text), 0
    while used + _width(text[at - 1]) <= columns - 1:
        at -= 1
        used += _width(text[at])
    return f"…{text[at:]}"
