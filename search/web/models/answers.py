"""What is searched for, and what is found."""

from __future__ import annotations

from itertools import accumulate
from typing import Annotated, Any, Literal

from pydantic import Field

import search
from search.query.settings import Order, Target
from search.rerank.explain import Explanation as FoundExplanation
from search.results import FoundBy, Match
from search.web.models.base import Model
from search.web.models.items import Copy, Described, copies_of, described
from search.web.settings import Limits
from search.web.shown import Shown, as_text

_MOST = Limits().page
#: Numbers of attention in one answer: the hits from where they would be more come without. 60 hits of a few words have
#: 20,000 of the bundled encoder.
MOST_ATTENTION = 300_000
#: Candidates of which one query may ask that they are scored anew: ten times the usual number.
MOST_RERANKED = 1_000


class Asked(Model):
    """A query and how to answer it. `q` says everything that one line can say; the others come after what it says."""

    q: str = Field(
        "",
        max_length=Limits().query_characters,
        description="A line of the query language: words, minus, fields, `like:#ID` of an indexed photograph, "
        "`like:upload:NAME` of one that was uploaded. May be left out where `field` says something.",
        examples=["red car -blue in:2021 near:Paris"],
    )
    k: int = Field(60, ge=1, le=_MOST, description="Hits, at most.")
    after: str | None = Field(
        None, max_length=4_000, description="`cursor` of the answer before, to the same query: the hits behind those."
    )
    to: Target = Field("image", description="What to find: photographs, captions, or both.")
    min_probability: float | None = Field(
        None, ge=0, le=1, allow_inf_nan=False, description="Leave out what is less probable."
    )
    sort: Order | None = Field(None, description="The order; with it, what is weak is left out.")
    all_copies: bool = Field(False, description="Copies of a photograph are hits of their own.")
    by_words: bool = Field(True, description="Words of captions, keywords, names and places find, too.")
    templates: bool | None = Field(None, description="Whether a class name is asked for in prompt templates, too.")
    rerank: int | None = Field(
        None,
        ge=0,
        le=MOST_RERANKED,
        description="Candidates that are scored anew; left out: 30, or 100 where something is subtracted.",
    )
    where: str | None = Field(
        None, max_length=Limits().query_characters, description="Fields of the query language, beside those in `q`."
    )
    field: list[Annotated[str, Field(max_length=Limits().query_characters)]] = Field(
        [],
        max_length=200,
        description="Fields of the query language, one each, beside those in `q`: the value is all that stands behind "
        "the colon, spaces and quotation marks too.",
        examples=[["near:New York", "in:2021"]],
    )
    as_words: bool = Field(False, description="`q` is words, whatever they look like, and no line of the language.")
    explain: bool = Field(False, description="Say of each hit which words met which regions.")
    paths: bool = Field(False, description="Tell whole paths, where the server does that.")


AttentionOf = Literal["all", "found", "none"]


class WordMatch(Model):
    """One word of the query in one picture."""

    word: str
    weight: float = Field(description="Its share of the whole, 0 to 1.")
    similarity: float = Field(description="How well what was found fits it, -1 to 1.")
    box: tuple[float, float, float, float] | None = Field(
        None, description="Left, upper, right, lower, in fractions of the picture; left out where it was not found."
    )
    attention: list[list[float]] | None = Field(
        None,
        description="Where it was looked for, by the regions of `grid`; their sum is 1. Left out at "
        "/items/{id}/explain for a word that was not found, of which it says nothing, and at /search with the hits "
        f"from which on all together were more than {MOST_ATTENTION:,} numbers.",
    )


class Grid(Model):
    """Where was looked, by regions."""

    rows: int
    columns: int
    area: tuple[float, float, float, float] = Field(description="The part of the picture that the grid covers.")
    values: list[list[float]] = Field(description="Rows from the top, each from the left; their sum is 1.")


class Explanation(Model):
    """Which words met which regions of one picture."""

    words: list[WordMatch]
    found: bool = Field(description="Whether any of the words was found; where none was, the grid points at nothing.")
    grid: Grid

    @classmethod
    def of(cls, found: FoundExplanation, attention: AttentionOf = "found") -> Explanation:
        """As a library has it. `attention`: of which words it is told."""
        made = cls.model_validate(found.to_json())
        for told, word in zip(made.words, found.words, strict=True):
            if attention == "all" or (attention == "found" and word.box is not None):
                told.attention = [[round(value, 5) for value in row] for row in word.attention]
        return made


class Hit(Described):
    """One answer. What the numbers mean: docs/ranking.md."""

    rank: int = Field(description="From 1; on from there on the next page.")
    score: float | None = Field(None, description="What hits are ordered by.")
    similarity: float | None = Field(None, description="Cosine of the embeddings, -1 to 1.")
    probability: float | None = Field(None, description="That the words are true of it, where that was fitted.")
    match: Match | None = Field(None, description="A word where there is no probability.")
    guess: float | None = Field(
        None, description="The number behind `match`, with which `min_probability` is compared; no probability."
    )
    weak: bool = Field(False, description="It is more likely than not, by far, something else.")
    found_by: FoundBy | None = None
    also: list[Copy] = Field(default=[], description="Other paths of the same photograph.")
    missing: bool = Field(False, description="There is no file just now.")
    same: bool = Field(False, description="It is the very image that was asked with.")
    explain: Explanation | None = None

    @classmethod
    def of(cls, hit: search.Hit, rank: int, shown: Shown, *, attention: bool = True) -> Hit:
        """As a library has it. `attention`: whether that of single words is told."""
        return cls(
            **described(hit, shown),
            rank=rank,
            score=_rounded(hit.score, 6),
            similarity=_rounded(hit.similarity, 6),
            probability=_rounded(hit.probability, 4),
            match=hit.match,
            guess=None if hit.probability is not None else _rounded(hit.guess, 4),
            weak=hit.weak,
            found_by=hit.found_by,
            also=copies_of(hit.also, shown),
            missing=hit.missing,
            same=hit.same,
            explain=None
            if hit.explanation is None
            else Explanation.of(hit.explanation, "all" if attention else "none"),
        )


class Answer(Model):
    """Hits, best first, and what there is to say of them."""

    query: str = Field(description="What was asked.")
    calibrated: bool = Field(description="Hits have probabilities; else words, or neither.")
    nothing_matches: bool = Field(description="All hits are weak: the nearest of what does not match.")
    matches: int | None = Field(None, description="How many there are in all, where that is counted.")
    more_matches: bool = Field(False, description="They were counted no further, and there are more.")
    min_probability: float | None = Field(None, description="The least probability that was asked for.")
    left_out: int | None = Field(None, description="How many that has left out.")
    best: float | None = Field(None, description="The highest probability of all.")
    hits: list[Hit]
    notes: list[str] = Field(description="Sentences that a person should see.")
    reason: str | None = Field(None, description="Why there is no hit.")
    cursor: str | None = Field(None, description="Where the next hits begin, for `after`; left out behind the last.")
    seconds: dict[str, float] = Field(description="Time by step.")

    @classmethod
    def of(cls, results: search.Results, query: str, shown: Shown, first: int = 1) -> Answer:
        """As a library has it. `query`: as the client wrote it; `first`: the rank of the first hit."""
        cut = results.cut
        said: dict[str, Any] = (
            {} if cut is None else {"min_probability": cut.least, "left_out": cut.left_out, "best": cut.best}
        )
        counted = accumulate(map(_numbers, results))
        return cls(
            query=as_text(query),
            calibrated=results.calibrated,
            nothing_matches=results.nothing_matches,
            matches=results.matches,
            more_matches=results.more_matches,
            **said,
            hits=[
                Hit.of(hit, rank, shown, attention=numbers <= MOST_ATTENTION)
                for rank, (hit, numbers) in enumerate(zip(results, counted, strict=True), first)
            ],
            notes=[shown.sentence(note) for note in results.notes],
            reason=None if results.hits else shown.sentence(results.absence),
            cursor=results.cursor,
            seconds={name: round(value, 4) for name, value in results.seconds.items()},
        )


def _numbers(hit: search.Hit) -> int:
    """Of the attention of all its words."""
    found = hit.explanation
    return 0 if found is None else len(found.words) * len(found.grid) * len(found.grid[0])


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
