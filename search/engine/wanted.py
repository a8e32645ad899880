"""What one call wants of the engine, beside the query itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from indexer.arguments import one_of, whole
from indexer.types import KINDS, Kind
from indexer.vectors.base import SearchParameters
from search.calibration.calibration_file import Calibration
from search.engine.arrangement import Arrangement
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
    templates (`indexer.encoders.templates.templates_of`). Raises UsageError for what is out of range.
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
        return self.arrangement.pool(self.k)
