"""The two forms in which Unicode writes one name.

"é" is one character in form NFC (what people type, and most programs write) and two in NFD (what macOS wrote for long,
and what archives carry on). Both look alike; to most file systems they are two names.
"""

from __future__ import annotations

import unicodedata

from indexer import text


def composed(name: str) -> str:
    """The name in NFC."""
    return text.composed(name)


def spellings(path: str) -> list[str]:
    """The path as it is, in NFC and in NFD, each once."""
    if path.isascii():
        return [path]
    return list(dict.fromkeys([path, composed(path), unicodedata.normalize("NFD", text.with_few_marks(path))]))
