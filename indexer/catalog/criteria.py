"""What a photograph has to be, with nothing left to look up: numbers, folded texts, codes. A tree of small values.

`selection.py` finds what fits. A test of what is not known of a photograph does not hold, and its opposite does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from indexer.words import Word, words

Cycle = Literal["month", "weekday", "minute"]
Measure = Literal["size", "width", "height", "pixels"]
Device = Literal["camera", "lens"]
Shape = Literal["landscape", "portrait", "square"]
Held = Literal["gps", "caption", "keyword", "date"]


@dataclass(frozen=True, slots=True)
class Dated:
    """From `start` up to `end`, which is not included: seconds since 1970 of local clocks. None: without a bound."""

    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class DatedBy:
    """The date comes from this source: taken, name, sidecar or file."""

    source: str


@dataclass(frozen=True, slots=True)
class InCycle:
    """A month (1 to 12), weekday (1, Monday, to 7) or minute of the day (0 to 1,439) of `first` to `last`, both
    included; round the end of the cycle where `last` is before `first`. A date at midnight, to the second, is one whose
    time is not known, and has no minute."""

    cycle: Cycle
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Within:
    """At most `km` kilometres from a position in degrees, along the surface of the earth."""

    latitude: float
    longitude: float
    km: float


@dataclass(frozen=True, slots=True)
class InCountry:
    """In the country of this code (ISO 3166-1, two capital letters)."""

    code: str


@dataclass(frozen=True, slots=True)
class MadeWith:
    """The name of the camera or lens holds `part`, a folded text."""

    device: Device
    part: str


@dataclass(frozen=True, slots=True)
class Named:
    """The name of the file holds `part`, a folded text."""

    part: str


@dataclass(frozen=True, slots=True)
class NameMatches:
    """The whole name of the file matches a folded pattern of "*" and "?"."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Below:
    """At or below the file or folder at `path`, absolute and folded, without a "/" at its end."""

    path: str


@dataclass(frozen=True, slots=True)
class BelowNamed:
    """Below a folder of this name at any depth: one name or several with "/" between them, folded."""

    name: str


@dataclass(frozen=True, slots=True)
class PathMatches:
    """The path of the file, or of a folder above it, matches a folded pattern (`globs.py`)."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Measured:
    """From `low` to `high`, both included, None without a bound: bytes, or pixels, as displayed."""

    measure: Measure
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Shaped:
    """Wider than high, higher than wide, or neither."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class OfType:
    """A file of this type, in small letters: jpeg, png, heic ..."""

    type: str


@dataclass(frozen=True, slots=True)
class Has:
    """A position, a caption (its own or of a file beside it), a keyword, or a date that is not only the file's."""

    what: Held


@dataclass(frozen=True, slots=True)
class Says:
    """All of these phrases, each of tokens one behind the other, stand in `columns` of the table of words. Where there
    is no phrase nothing fits."""

    columns: tuple[str, ...]
    phrases: tuple[Word, ...]

    @classmethod
    def in_texts(cls, text: str) -> Says:
        """All words of `text` are in captions and keywords."""
        return cls(("captions", "keywords"), tuple(words(text)))

    @classmethod
    def in_keyword(cls, text: str) -> Says:
        """The words of `text`, one behind the other, are in one keyword."""
        together = tuple(token for word in words(text) for token in word)
        return cls(("keywords",), (together,) if together else ())


@dataclass(frozen=True, slots=True)
class OfId:
    """The item of this id."""

    id: int


@dataclass(frozen=True, slots=True)
class OfIds:
    """One of the items of these ids."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tagged:
    """With this tag. Nothing has one yet."""

    tag: str


@dataclass(frozen=True, slots=True)
class No:
    """What `criterion` leaves out."""

    criterion: Criterion


@dataclass(frozen=True, slots=True)
class Both:
    """All of these, one at least."""

    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of these at least."""

    criteria: tuple[Criterion, ...]


Criterion = (
    Dated | DatedBy | InCycle | Within | InCountry | MadeWith | Named | NameMatches | Below | BelowNamed | PathMatches
    | Measured | Shaped | OfType | Has | Says | OfId | OfIds | Tagged | No | Both | Either
)  # fmt: skip
