"""Quotation marks of the query language, and the plain forms of its characters. Light: every query pays for it."""

from __future__ import annotations

#: Every mark that opens or closes.
QUOTES = '"＂“”„«»'
#: What people and their programs write for a minus.
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"


def quoted_where_needed(text: str) -> str:
    """`text` as one word of a query: in quotation marks where it would be read as something else."""
    special = any(char.isspace() or char in "()|[{\\" or char in QUOTES for char in plain_forms(text))
    return quoted(text) if special or not text else text


def quoted(text: str) -> str:
    """In quotation marks, so that it is words and nothing else."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def plain_forms(text: str) -> str:
    """`text` with the character of ASCII for each that is only another form of it (NFKC), as long as before:
    full-width punctuation, as input methods of Chinese and Japanese type it. Quotation marks stay."""
    return text if text.isascii() else "".join(map(_plain, text))


def _plain(char: str) -> str:
    if char.isascii():
        return char
    import unicodedata

    plain = unicodedata.normalize("NFKC", char)
    return plain if len(plain) == 1 and plain.isascii() and plain not in QUOTES else char
