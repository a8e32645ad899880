"""Words as they are looked for, wherever they come from."""

from __future__ import annotations

import unicodedata

from indexer.text import composed


def clean_words(text: str) -> str:
    """`text` as it is looked for: in NFKC, without control and format characters, its spaces single."""
    text = unicodedata.normalize("NFKC", composed(text))
    kept = "".join(_fit(char) for char in text)
    return " ".join(composed(kept).split())


def _fit(char: str) -> str:
    category = unicodedata.category(char)
    return " " if category in ("Cc", "Cs", "Zl", "Zp") else "" if category == "Cf" else char
