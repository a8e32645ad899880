"""The terms of a query: texts and images, added or subtracted, each with its weight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from indexer.types import Kind
from search.query.punctuation import without_punctuation
from search.query.quoting import quoted
from search.query.words import clean_words

MAX_TERMS: Final = 50
#: Of a term against the others.
LEAST_WEIGHT, MOST_WEIGHT = 0.01, 100.0


@dataclass(frozen=True, slots=True)
class Words:
    """Words that stand together; `exact`: they were in quotation marks, and are looked for as they stand."""

    text: str
    exact: bool = False

    @classmethod
    def of(cls, text: str, exact: bool = False) -> Words | None:
        """Those of a text, as they are looked for; None where it has none."""
        clean = clean_words(text)
        return cls(clean, exact) if clean else None

    def __str__(self) -> str:
        return quoted(self.text) if self.exact else self.text


@dataclass(frozen=True, slots=True)
class Term:
    """Exactly one of `words`, `image` (a path), `image_bytes` (the content of an image file; `name` is what results
    call it) and `item` (the id of an indexed photograph, whose vector is taken as it is stored). `weight` is below 0
    where it is subtracted, never 0."""

    words: tuple[Words, ...] = ()
    image: str | None = None
    image_bytes: bytes | None = field(default=None, repr=False)
    name: str = "(bytes)"
    weight: float = 1.0
    item: int | None = None

    @property
    def kind(self) -> Kind:
        """What it is, an image or a text."""
        return "text" if self.words else "image"

    @property
    def text(self) -> str | None:
        """Its words as they were typed; None for an image."""
        return " ".join(each.text for each in self.words) if self.words else None

    @property
    def encoder_text(self) -> str | None:
        """Its words as an encoder is asked for them, without punctuation that says nothing; None for an image."""
        return None if self.text is None else without_punctuation(self.text)

    def __str__(self) -> str:
        """Without its sign."""
        if self.image_bytes is not None:
            return self.name
        if self.item is not None:
            body = f"like:#{self.item}"
        else:
            body = f"like:{quoted(self.image)}" if self.image is not None else " ".join(map(str, self.words))
        factor = abs(self.weight)
        return body if factor == 1 else f"{factor:.12g}*{body}"


def item_named(name: str) -> int | None:
    """The id that `like:#12` names; None for another name. (A file of such a name is `like:./#12`.)"""
    digits = name[1:]
    return int(digits) if name[:1] == "#" and digits.isascii() and digits.isdecimal() and len(digits) <= 18 else None


def wanted_text(terms: Iterable[Term]) -> str | None:
    """The texts that are added as one text, as an encoder is asked for it: it finds "dog" and "water" together better
    by "dog water" than by the mean of both (docs/ranking.md). None where none is added."""
    typed = [term.text for term in terms if term.weight > 0 and term.text is not None]
    return without_punctuation(" ".join(typed)) if typed else None


def extra_weights(terms: Iterable[Term]) -> dict[str, float]:
    """What texts that are added weigh beyond the one that weighs least."""
    added = [(text, term.weight) for term in terms if term.weight > 0 and (text := term.encoder_text) is not None]
    least = min((weight for _, weight in added), default=0.0)
    found: dict[str, float] = {}
    for text, weight in added:
        if weight > least:
            found[text] = found.get(text, 0.0) + weight - least
    return found


def texts_to_encode(terms: tuple[Term, ...]) -> tuple[str, ...]:
    """Every text that an encoder is asked for, each once."""
    together = wanted_text(terms)
    subtracted = (text for term in terms if term.weight < 0 and (text := term.encoder_text) is not None)
    return tuple(dict.fromkeys([*([] if together is None else [together]), *extra_weights(terms), *subtracted]))
