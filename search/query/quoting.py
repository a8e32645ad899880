"""Quotation marks of the query language. Imports nothing: every query pays for it."""

from __future__ import annotations


def quoted_where_needed(text: str) -> str:
    """`text` as one word of a query: in quotation marks where it would be read as something else."""
    return quoted(text) if not text or any(char.isspace() or char in '()|\\"“”„«»' for char in text) else text


def quoted(text: str) -> str:
    """In quotation marks, so that it is words and nothing else."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
