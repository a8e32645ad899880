"""What one call wants of the engine, beside the query itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from indexer.arguments import one_of, whole
from indexer.types import KINDS, Kind
from indexer.vectors.base import SearchParameters
from search.calibration.calibration_file import Calibration
from search.engine.arrangement import Arrangement
from search.engine.continued import MOST_GIVEN, NAMED, Continued
from search.engine.places import Place
from search.query.settings import TARGETS, Target
from search.rerank.base import Reranker
from search.rerank.stage import Reranking

#: More than any store of one machine holds.
MAX_HITS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """The `k` best items of the kind `to`; the first candidates as the `reranker` orders them, when there is one.

    `calibration`: what the hits' probabilities are made with; None: from the spread of the scores alone. `use_words`:
    what captions, names and places say finds photographs, too. `templates`: whether class names are asked for in prompt
    templates (`indexer.encoders.templates.templates_of`). `after`: those behind an earlier answer. `digest`: says which
    question this is, for the cursor of the answer; None: it has none. Raises UsageError for what is out of range.
    """

    k: int = 10
    to: Target = "image"
    parameters: SearchParameters = field(default_factory=SearchParameters)
    reranker: Reranker | None = None
    reranking: Reranking = field(default_factory=Reranking)
    calibration: Calibration | None = None
    arrangement: Arrangement = field(default_factory=Arrangement)
    use_words: bool = False
    templates: bool | None = None
    after: Continued | None = None
    digest: Callable[[], str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole(1, MAX_HITS)("k", self.k))
        one_of(TARGETS)("to", self.to)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of items that are to be found."""
        return KINDS if self.to == "any" else (self.to,)

    @property
    def pool(self) -> int:
        """How many of the best candidates are looked at."""
        return self.arrangement.pool(self.reach)

    @property
    def reach(self) -> int:
        """How many places there are up to the last hit, those of earlier pages among them."""
        return self.k + (0 if self.after is None else self.after.given)

    def page(self, places: list[Place], generation: int, newest: int) -> tuple[list[Place], str | None]:
        """Of the first `reach` places those that are hits, and the cursor of what is behind them, where there may be
        more."""
        order = self.arrangement.sorted_by
        begin = 0
        if self.after is not None:
            begin = self.after.start(places, by_score=order is None and self.to != "any")
            generation, newest = self.after.generation, self.after.newest
        shown = places[begin : begin + self.k]
        end = begin + len(shown)
        given = len(shown) + (0 if self.after is None else self.after.given)
        if self.digest is None or not shown or (end == len(places) < self.reach) or given > MOST_GIVEN:
            return shown, None
        last = (*(() if self.after is None else self.after.last), *(place.id for place in shown))[-NAMED:]
        return shown, str(Continued(self.digest(), generation, newest, given, last, shown[-1].score))
