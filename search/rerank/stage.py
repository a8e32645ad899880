"""The engine's second stage: fetch the candidates' tokens, ask the reranker, order anew, say what was missing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, overload

import numpy as np

from indexer.arguments import whole
from indexer.catalog.items import Item, Items
from indexer.catalog.tokens import Tokens
from indexer.catalog.transaction import Transaction
from indexer.encoders.base import Encoder
from indexer.metrics import Float64
from indexer.types import Float32, Int8, Kind
from search.median import median
from search.ranked import Ranked, rank
from search.rerank.answers import ask_scores
from search.rerank.base import Candidates, EncodedQuery, Reranker, place_unscored

T = TypeVar("T")

#: Candidates that the second stage looks at unless a call says otherwise: what lies behind hardly comes among the first
#: ten (docs/decisions.md, "Thirty candidates are reranked").
DEFAULT_COUNT = 30
#: The same where something is subtracted: what has to fall behind may stand anywhere among the first.
LESSENED_COUNT = 100
#: More than anyone waits for.
MAX_COUNT = 10_000

#: What the tokens of a kind are called.
TOKENS_OF: dict[Kind, str] = {"image": "region tokens", "text": "word tokens"}


@dataclass(frozen=True, slots=True)
class Reranking:
    """What one call wants of the second stage. Raises UsageError for a count out of range.

    `count`: candidates of the first stage that are scored anew, 0 for none. `explain`: say of each hit which words met
    which regions. `insist`: the reranker was asked for, so say why it has nothing to do even where that was a choice.
    """

    count: int = DEFAULT_COUNT
    explain: bool = False
    insist: bool = False

    def __post_init__(self) -> None:
        whole(0, MAX_COUNT)("rerank", self.count)


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Where tokens are read: one state of the catalog, and the encoder's row in it. `width` is 0 where none are.

    Queries that are reranked at the same time share it, and hold its `lock` while they read the snapshot. `ahead`: what
    was read for all of them, by item id; None for an item that has no tokens.
    """

    snapshot: Transaction
    encoder_row: int
    width: int
    lock: threading.RLock = field(default_factory=threading.RLock)
    ahead: dict[int, Int8 | None] = field(default_factory=dict)

    @classmethod
    def open(cls, snapshot: Transaction, encoder_row: int, encoder: Encoder) -> TokenSource:
        """Tokens that were made in another way than the encoder makes them now are as good as none."""
        shape = encoder.token_shape
        known = shape is not None and Tokens(snapshot).shape(encoder_row) == shape
        return cls(snapshot, encoder_row, shape.width if shape is not None and known else 0)

    def of(self, ids: Sequence[int]) -> Mapping[int, Int8]:
        """Tokens (t, width) int8 by item id; items that have none are left out."""
        if not self.width:
            return {}
        more = [number for number in ids if number not in self.ahead]
        found = {number: tokens for number in ids if (tokens := self.ahead.get(number)) is not None}
        if more:
            with self.lock:
                found |= Tokens(self.snapshot).of_items(more, self.encoder_row, self.width)
        return found

    def read_ahead(self, ids: Sequence[int]) -> None:
        """Read the tokens of items that several queries will ask for."""
        if self.width and ids:
            found = Tokens(self.snapshot).of_items(ids, self.encoder_row, self.width)
            self.ahead.update((number, found.get(number)) for number in ids)

    @property
    def declined(self) -> bool:
        """Whether the store was told to do without tokens."""
        return not Tokens(self.snapshot).wanted

    @property
    def remedy(self) -> str:
        """How to add what is missing."""
        return "`index(settings=IndexSettings(tokens=True))` adds them" if self.declined else "`index()` adds them"

    def of_content(self, content_id: int) -> Int8 | None:
        """Tokens (t, width) int8 of one content."""
        if not self.width:
            return None
        return Tokens(self.snapshot).of_contents([content_id], self.encoder_row, self.width).get(content_id)


@dataclass(frozen=True, slots=True)
class Reranked:
    """What became of the first stage's answer. `count`: candidates that got a score; `notes` for a person."""

    ranked: Ranked
    count: int
    notes: tuple[str, ...] = ()


def crosses(query: Kind, answers: Kind) -> bool:
    """Whether rerankers know anything of such a query: they compare words with images."""
    return query != answers


#: What candidates lose besides, (n,): of their ids and what is known of them.
Loss = Callable[[Sequence[int], Candidates], Float64]


def rerank(
    first: Ranked,
    query: EncodedQuery,
    reranker: Reranker,
    reranking: Reranking,
    source: TokenSource,
    loss: Loss | None = None,
) -> Reranked:
    """Order the first `reranking.count` candidates of `first` by the reranker's scores, less `loss`; the others stay
    behind them.

    No image is decoded here. Candidates that the reranker cannot score are placed by their similarity. Raises what the
    reranker raises.
    """
    ids = [int(number) for number in first.ids[: reranking.count]]
    if not ids:
        return Reranked(first, 0)
    kind: Kind = "text" if query.kind == "image" else "image"
    tokens: Mapping[int, Int8] = {}
    if reranker.needs_tokens:
        tokens = {} if query.tokens is None else source.of(ids)
        if not tokens:
            return Reranked(first, 0, _nothing_known(query, kind, reranking, source))
    candidates = _candidates(first, ids, tokens, source)
    scores = ask_scores(reranker, query, candidates)  # (n,) float32, NaN where unknown
    missing = int(np.isnan(scores).sum())
    if loss is not None:
        scores = (scores - loss(ids, candidates)).astype(np.float32)
    joined = join(scores, first.similarities)
    return Reranked(
        rank(first.ids, joined, first.similarities),
        len(ids) - missing,
        () if not missing else (_missing(missing, len(ids), kind, reranker, source),),
    )


def lessen(
    first: Ranked, kind: Kind, reranker: Reranker, reranking: Reranking, source: TokenSource, loss: Loss
) -> Reranked:
    """`first`, of a `kind` that the reranker cannot order by its query, with the first `reranking.count` candidates
    less `loss`, which may be below 0; the others stay behind them. Raises what the reranker raises."""
    ids = [int(number) for number in first.ids[: reranking.count]]
    tokens = source.of(ids) if reranker.needs_tokens else {}
    if not ids or (reranker.needs_tokens and not tokens):
        unknown = not source.declined or reranking.insist
        return Reranked(first, 0, (_no_tokens(kind, source),) if ids and unknown else ())
    scores = (first.scores[: len(ids)] - loss(ids, _candidates(first, ids, tokens, source))).astype(np.float32)
    joined = join(scores, first.similarities)
    count = len(tokens) if reranker.needs_tokens else len(ids)
    return Reranked(rank(first.ids, joined, joined), count)


def _candidates(first: Ranked, ids: Sequence[int], tokens: Mapping[int, Int8], source: TokenSource) -> Candidates:
    """The first of `first`, whose `ids` these are."""
    rows = _Rows(source, ids)
    return Candidates(
        first.similarities[: len(ids)],
        [tokens.get(number) for number in ids],
        _Column(rows, lambda row: row.path),
        _Column(rows, lambda row: row.text),
    )


def rerank_more(
    first: Ranked, query: EncodedQuery, reranker: Reranker, source: TokenSource, loss: Loss | None, more: Ranked
) -> Ranked:
    """`more` candidates of a query whose `first` were reranked, with scores that compare with those."""
    found = rerank(more, query, reranker, Reranking(len(more)), source, loss)
    if found.count or not len(more):
        return found.ranked
    shift = np.float32(median(first.scores - first.similarities))  # none could be scored
    return rank(more.ids, more.similarities + shift, more.similarities)


class _Rows:
    """The candidates' rows in the catalog, read when first needed: rerankers that go by tokens never ask."""

    def __init__(self, source: TokenSource, ids: Sequence[int]) -> None:
        self._source = source
        self._rows: dict[int, Item] | None = None
        self.ids = ids

    def __getitem__(self, place: int) -> Item:
        if self._rows is None:
            with self._source.lock:
                self._rows = Items(self._source.snapshot).get(self.ids)
        return self._rows[self.ids[place]]


class _Column(Sequence[T]):
    """One field of the rows."""

    def __init__(self, rows: _Rows, field: Callable[[Item], T]) -> None:
        self._rows = rows
        self._field = field

    def __len__(self) -> int:
        return len(self._rows.ids)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        return self._field(self._rows[place])


def join(scores: Float32, similarities: Float32) -> Float32:
    """Scores (m,) float32 of all candidates, when the second stage has scored the first n of them.

    `scores` (n,) float32 with NaN for what could not be scored, `similarities` (m,) float32 descending, m >= n. What
    was not asked about keeps its order behind the rest, so that the first hits do not depend on how many are wanted.
    """
    scored = len(scores)
    placed = place_unscored(scores, similarities[:scored])  # (n,)
    rest = similarities[scored:].astype(np.float64)  # (m - n,)
    if not scored or not len(rest):
        return np.concatenate([placed, similarities[scored:]])
    shift = median(placed - similarities[:scored])
    lowest = placed.min()
    tail = (rest + min(shift, float(lowest) - float(rest.max()))).astype(np.float32)
    return np.concatenate([placed, np.minimum(tail, np.nextafter(lowest, np.float32(-np.inf)))])


def _nothing_known(query: EncodedQuery, kind: Kind, reranking: Reranking, source: TokenSource) -> tuple[str, ...]:
    if source.declined and not reranking.insist:
        return ()
    if query.tokens is None:
        return (
            f"The query has no {TOKENS_OF[query.kind]}, so the answers are those of the first stage; {source.remedy}.",
        )
    return (_no_tokens(kind, source),)


def _no_tokens(kind: Kind, source: TokenSource) -> str:
    return f"This index has no {TOKENS_OF[kind]}, so the answers are those of the first stage; {source.remedy}."


def _missing(missing: int, count: int, kind: Kind, reranker: Reranker, source: TokenSource) -> str:
    if reranker.needs_tokens:
        return (
            f"{missing:,} of {count:,} candidates have no {TOKENS_OF[kind]} and keep their first-stage order; "
            f"{source.remedy}."
        )
    return (
        f"{missing:,} of {count:,} candidates could not be scored by {reranker.name} (an image is gone or cannot be "
        "read) and keep their first-stage order; `index()` brings the index up to date."
    )
