"""Which queries are the name of a thing, as a class of a data set has one: "corgi", "stop sign", "red sports car"."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from search.query.stop_words import STOP_WORDS
from search.query.terms import Term, wanted_text

#: Of words. Longer texts say something of a thing, as captions do.
_MOST: Final = 3


def class_name(terms: Sequence[Term]) -> str | None:
    """The text that is added, where it is the name of a thing; None where it is not, or stands in quotation marks."""
    text = wanted_text(terms)
    exact = any(part.exact for term in terms if term.weight > 0 for part in term.words)
    return text if text is not None and not exact and is_class_name(text) else None


def subtracted_names(terms: Sequence[Term]) -> tuple[str, ...]:
    """The texts that are subtracted and the names of things, each once; none that stands in quotation marks."""
    plain = (
        text
        for term in terms
        if term.weight < 0 and (text := term.encoder_text) is not None and not any(part.exact for part in term.words)
    )
    return tuple(dict.fromkeys(text for text in plain if is_class_name(text)))


def class_names(terms: Sequence[Term]) -> tuple[str, ...]:
    """All of both, each once: what is asked for in templates."""
    added = class_name(terms)
    return tuple(dict.fromkeys([*([] if added is None else [added]), *subtracted_names(terms)]))


def is_class_name(text: str) -> bool:
    """Whether a text is one to three words of letters (hyphens and apostrophes inside them), none of them a word of
    grammar ("a", "on", "is"), and no verb between two nouns ("man riding horse")."""
    words = text.split()
    return (
        0 < len(words) <= _MOST
        and all(_is_word(word) and word.casefold() not in STOP_WORDS for word in words)
        and not any(word.casefold().endswith("ing") for word in words[1:-1])
    )


def _is_word(word: str) -> bool:
    parts = word.replace("’", "-").replace("'", "-").split("-")
    return all(part and all(unicodedata.category(char)[0] in "LM" for char in part) for part in parts)
