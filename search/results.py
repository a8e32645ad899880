"""What a search answers: value objects, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from typing import TYPE_CHECKING, Any, Literal, overload

from indexer.arguments import number
from indexer.errors import SearchError
from indexer.places.place_names import PlaceNames
from indexer.types import DateSource, Kind, Metadata

if TYPE_CHECKING:
    from datetime import datetime

    from search.rerank.explain import Explanation

FoundBy = Literal["meaning", "words", "both"]
"""What has brought a hit among those that were asked for: what it shows, words that are said of it, or both."""

#: Version of the JSON that `to_json` makes; it grows when a field changes its meaning or goes.
JSON_SCHEMA = 1

#: What is said above hits that are all weak.
NOTHING_MATCHES = "Nothing here matches well; these are the nearest:"

#: Hits beyond which nobody is told to ask for all.
MANY = 500

#: A hit whose probability is below this is weak, and marked; where all are, nothing matches well. Of queries that have
#: a right photograph nearly all keep one, of those without nearly none (the bundled model's card).
WEAK = 0.05

Match = Literal["strong", "fair", "weak"]
"""How well a hit matches, where nothing was fitted that would make a percentage of it."""

#: The estimate from which a match is strong (`search.calibration.curve.STANDING`).
STRONG = 0.5


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer.

    `probability`: that the words are true of it, 0 to 1, where that was fitted (`search.calibration.curve`); else it is
    None, and `match` a word. `score`: what hits are ordered by: their similarity, joined with the match score where a
    second stage ran, or with words that are said of them (`search.engine.fusion`). `similarity`: cosine of the query's
    and the item's embedding, -1 to 1. All three are None where filters alone were asked and there is nothing to be
    similar to; `probability` and `match` also where the encoder cannot read all words of the query. `guess`: the number
    behind the word, which a least probability is compared with. `worded`: whether that number is good for a word; where
    something is subtracted it is not. `path`: the image; for a text the image that it is about, or the file that it
    came from when it names none. `source`: the file that the item came from.
    `metadata`: what the photograph says about itself (None for texts). `explanation`: which words met which regions,
    when that was asked for and is known.
    `also`: other paths of the same photograph, which are there just now: copies are one hit. `missing`: there is no
    file at `path` just now. `same`: it is the very image that was asked with. `date`: when the photograph was taken, as
    clocks showed it there, and `date_from` where that is known from: "taken" (itself), "sidecar" (a file beside it),
    "name" or "file". `place`: where, in words, and `position`: latitude and longitude in degrees, by itself or else by
    a file beside it, as `near:` asks for it (None where nothing is known). Of a text they are those of its photograph.
    `found_by`: "both" where words of the query are said of a photograph (in captions, keywords, names, its place) that
    its meaning would have brought as well, "words" where it would not.
    """

    id: int
    kind: Kind
    path: str
    score: float | None
    similarity: float | None
    probability: float | None
    text: str | None = None
    source: str | None = None
    metadata: Metadata | None = None
    explanation: Explanation | None = None
    also: tuple[str, ...] = ()
    missing: bool = False
    same: bool = False
    date: datetime | None = None
    date_from: DateSource | None = None
    place: PlaceNames | None = None
    found_by: FoundBy | None = None
    position: tuple[float, float] | None = None
    guess: float | None = None
    worded: bool = True

    @property
    def estimate(self) -> float | None:
        """The probability, or the number behind the word; None where nobody knows."""
        return self.guess if self.probability is None else self.probability

    @property
    def match(self) -> Match | None:
        """A word, where there is no probability."""
        if self.probability is not None or self.guess is None or not self.worded:
            return None
        return "weak" if self.guess < WEAK else "fair" if self.guess < STRONG else "strong"

    @property
    def weak(self) -> bool:
        """Whether it is more likely than not, by far, something else."""
        return self.worded and self.estimate is not None and self.estimate < WEAK

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object; unknown fields are left out."""
        fields: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "path": self.path,
        }
        numbers = (("score", self.score, 6), ("similarity", self.similarity, 6), ("probability", self.probability, 4))
        fields |= {name: round(value, digits) for name, value, digits in numbers if value is not None}
        if self.match is not None:
            fields["match"] = self.match
        if self.found_by is not None:
            fields["found_by"] = self.found_by
        if self.weak:
            fields["weak"] = True
        if self.text is not None:
            fields["text"] = self.text
        if self.source is not None and self.source != self.path:
            fields["source"] = self.source
        if self.also:
            fields["also"] = list(self.also)
        fields |= {name: True for name in ("missing", "same") if getattr(self, name)}
        if self.date is not None:
            fields |= {"date": self.date.isoformat(), "date_from": self.date_from}
        if self.place is not None:
            fields["place"] = self.place.to_json()
        if self.metadata is not None:
            said = ((each.name, getattr(self.metadata, each.name)) for each in dataclass_fields(self.metadata))
            fields |= {name: value for name, value in said if value is not None and not isinstance(value, tuple)}
        if self.position is not None:
            fields |= dict(zip(("latitude", "longitude"), self.position, strict=True))
        if self.explanation is not None:
            fields["explain"] = self.explanation.to_json()
        return fields


@dataclass(frozen=True, slots=True)
class Work:
    """How much a search did: `indexed` items behind the indexes, `scanned` vectors compared one by one with the
    query because no index covers them yet, `rescored` candidates whose exact score was taken from the catalog,
    `reranked` candidates that the second stage scored."""

    indexed: int = 0
    scanned: int = 0
    rescored: int = 0
    reranked: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.indexed + other.indexed,
            self.scanned + other.scanned,
            self.rescored + other.rescored,
            self.reranked + other.reranked,
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """What a least probability left out: `left_out` hits below `least`, of a sorted answer `left_out` candidates;
    `best`: the highest probability of all of them, or estimate where it was not `fitted`; None when there was none.
    `worded`: estimates are good for words; where something is subtracted they are those of what is wanted alone."""

    least: float
    left_out: int
    best: float | None
    fitted: bool = True
    worded: bool = True


@dataclass(frozen=True, slots=True)
class Results(Sequence[Hit]):
    """Hits, best first: ordered by (-score, id), the same query twice gives the same list. With `sort`: in that order.

    When both kinds are asked for, each kind keeps that order, and the two lists are merged by probability: a cosine
    between two texts is not comparable with one between a text and an image. Copies of a photograph are one hit.
    `notes`: sentences that a person should see. `seconds`: time by step; "rerank" when a second stage was asked.
    `matches`: how many there are in all, of which these are the first: of a listing those that its filters leave, of an
    answer with `sort` those that its cut leaves; None of a ranking, which everything there is belongs to.
    `more_matches`: they were counted no further, and there are more.
    `calibrated`: the hits have probabilities, which were fitted to pairs for this encoder and reranker; else words,
    or neither.
    `cut`: what a least probability left out. `reason`: why there is no hit, where filters are why.
    `cursor`: where the next hits begin, for `Library.query(..., after=cursor)`; None where there are no more.
    `error`: why one of many queries (`Library.query_many`) has no answer.
    """

    query: str
    hits: tuple[Hit, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    work: Work = field(default_factory=Work)
    calibrated: bool = False
    cut: Cut | None = None
    reason: str | None = None
    error: SearchError | None = None
    cursor: str | None = None
    matches: int | None = None
    more_matches: bool = False

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, index: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[index]

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    @property
    def rest(self) -> str | None:
        """How many there are beside these, in a sentence with the next step; None where these are all, or where nobody
        counts."""
        if self.matches is None or len(self) >= self.matches or not self.hits:
            return None
        every = not self.more_matches and self.matches <= MANY
        step = f"`k={self.matches}` for all" if every else f"`k={10 * len(self)}` for more"
        return f"{len(self):,} of {'more than ' if self.more_matches else ''}{self.matches:,}; {step}."

    @property
    def left_out(self) -> str | None:
        """What the cut of a sorted answer took from it, in a sentence with the next step; None where that is nothing,
        or where nothing is left and `absence` says so."""
        cut = self.cut
        if not self.hits or cut is None or not cut.left_out or self.matches is None:
            return None
        return f"What is less probable than {100 * cut.least:g} % is left out; a lower `min_probability` sorts more."

    @property
    def nothing_matches(self) -> bool:
        """Whether there are hits, and all of them are weak: the nearest of what does not match."""
        return bool(self.hits) and all(hit.weak for hit in self.hits)

    @property
    def absence(self) -> str:
        """What to say when there is no hit."""
        if self.reason is not None:
            return self.reason
        if self.cut is None or self.cut.best is None:
            return "Nothing found."
        best, least = self.cut.best, self.cut.least
        if not self.cut.worded:
            return (
                "Nothing here matches well: by what is wanted alone the best hit is estimated at "
                f"{_below(best, least)}, and `min_probability={least:g}` leaves it out; a lower one shows more."
            )
        if not self.cut.fitted:
            match = Hit(0, "image", "", None, None, None, guess=best).match
            return (
                f"Nothing here matches well: the best hit is a {match} match, and `min_probability={least:g}` leaves "
                "it out; a lower one shows more."
            )
        return (
            f"Nothing here matches well: the best hit has probability {_below(best, least)}, and "
            f"`min_probability={least:g}` leaves it out; a lower one shows more."
        )

    def likely(self, least: float) -> Results:
        """Those hits alone whose probability, or estimate, is at least `least`. Raises UsageError unless it is from 0
        to 1."""
        least = number(0, 1)("min_probability", least)
        kept = tuple(hit for hit in self.hits if hit.estimate is None or hit.estimate >= least)
        best = max((hit.estimate for hit in self.hits if hit.estimate is not None), default=None)
        worded = all(hit.worded for hit in self.hits)
        goes_on = len(kept) == len(self.hits) or (bool(kept) and not worded)  # of others no probability rises again
        cursor = self.cursor if goes_on else None
        cut = Cut(least, len(self.hits) - len(kept), best, self.calibrated, worded)
        return replace(self, hits=kept, cut=cut, cursor=cursor)

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object of `search query --json`."""
        cut = self.cut
        return {
            "schema": JSON_SCHEMA,
            "query": self.query,
            "calibrated": self.calibrated,
            **({"nothing_matches": True} if self.nothing_matches else {}),
            **({} if cut is None else {"min_probability": cut.least, "left_out": cut.left_out, "best": cut.best}),
            **({} if self.matches is None else {"matches": self.matches}),
            **({"more_matches": True} if self.more_matches else {}),
            "hits": [{"rank": rank, **hit.to_json()} for rank, hit in enumerate(self.hits, 1)],
            "notes": list(self.notes),
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
        }


def _below(probability: float, least: float) -> str:
    """A percentage, with as many digits as show that it is below."""
    digits = next((n for n in range(2, 6) if 0 < round(probability, n) < least), 6)
    if not round(probability, digits):
        return "below 0.0001 %"
    return f"{100 * probability:.{digits - 2}f} %"


def percent(probability: float) -> str:
    """A probability for people: "73 %"; never "0 %" or "100 %", which nobody knows, and below the weak mark never the
    number of that mark."""
    if probability < 0.005:
        return "<1 %"
    if probability < WEAK and round(100 * probability) >= 100 * WEAK:
        return f"{100 * WEAK - 1:.0f} %"
    return ">99 %" if probability >= 0.995 else f"{100 * probability:.0f} %"
