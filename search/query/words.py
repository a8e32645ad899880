"""Words as they are looked for, wherever they come from."""

from __future__ import annotations

import unicodedata

from indexer.errors import UsageError
from indexer.text import composed, with_few_marks

#: Longer than any question; what an encoder reads of a text is far less.
MAX_CHARACTERS = 100_000


def legible(text: str) -> str:
    """`text` without what no work is to be done on: lone surrogates, heaps of marks. Raises UsageError for a text of
    more than MAX_CHARACTERS."""
    if len(text) > MAX_CHARACTERS:
        raise UsageError(f"The query has {len(text):,} characters, and {MAX_CHARACTERS:,} are allowed; shorten it.")
    return text if text.isascii() else with_few_marks(text.encode("utf-8", "replace").decode("utf-8"))


def clean_words(text: str) -> str:
    """`text` as it is looked for: in NFKC, without control and format characters, its spaces single."""
    text = unicodedata.normalize("NFKC", composed(text))
    kept = "".join(_fit(char) for char in text)
    return " ".join(composed(kept).split())


def _fit(char: str) -> str:
    category = unicodedata.category(char)
    return " " if category in ("Cc", "Cs", "Zl", "Zp") else "" if category == "Cf" else char
