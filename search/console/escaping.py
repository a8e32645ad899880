"""Text that a terminal shows and does not act on. Light."""

from __future__ import annotations


def escaped(text: str) -> str:
    """`text` on one line, whatever a path in it contains."""
    if text.isprintable():  # as nearly all is; one character at a time costs ten times as much
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def within(text: str, encoding: str) -> str:
    """`text` with the characters that an encoding lacks as escapes."""
    return text.encode(encoding, "backslashreplace").decode(encoding)
