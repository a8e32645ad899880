"""The words of one query in one state of the catalog: what they weigh, what has them, and how much of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from indexer.catalog import full_text
from indexer.catalog.items import Items
from indexer.catalog.transaction import Transaction
from indexer.catalog.words import Words
from indexer.words import Word
from search.engine.fusion import WordMatch

#: So many photographs that have a word are counted; what more have, has about the weight of that.
MOST_COUNTED: Final = 10_000
#: Words that more photographs have than this do not bring any by themselves where there are rarer ones: to score a
#: thousand rows takes a few milliseconds. Photographs that meaning has found get what these words say all the same.
MOST_SCORED: Final = 2_000


@dataclass(frozen=True, slots=True)
class AskedWords:
    """`weights`: of each word that something has, how much it tells, and how many have it; `missing`: the weight of all
    those that nothing has."""

    snapshot: Transaction
    weights: Mapping[Word, float]
    numbers: Mapping[Word, int]
    missing: float

    @classmethod
    def of(cls, snapshot: Transaction, asked: Sequence[Word]) -> AskedWords:
        """Weighed by their inverse document frequency, as in BM25 (Robertson and others 1994); what more than half of
        all photographs have tells nothing. Where the table of words is damaged none is looked for, which
        `snapshot.left_out` tells."""
        count = Words(snapshot).count
        numbers = {word: count(full_text.phrase(word), MOST_COUNTED) for word in asked}
        if not any(numbers.values()):
            return cls(snapshot, {}, {}, 0.0)
        total = max(Items(snapshot).total("image"), 1)
        weights = {
            word: math.log1p((max(total - number, 0) + 0.5) / (number + 0.5))
            for word, number in numbers.items()
            if number <= total / 2
        }
        there = {word: weight for word, weight in weights.items() if numbers[word]}
        return cls(snapshot, there, numbers, sum(weights.values()) - sum(there.values()))

    def __bool__(self) -> bool:
        return bool(self.weights)

    def best(self, most: int) -> list[int]:
        """Ids of `most` photographs, hidden ones too: by BM25, then id, those that have one of the rarer words; where
        all are frequent, the newest that have all."""
        rare = [word for word in self.weights if self.numbers[word] <= MOST_SCORED]
        if rare:
            return [number for number, _ in Words(self.snapshot).best(full_text.any_of(rare), most)]
        return Words(self.snapshot).newest(full_text.all_of(self.weights), most)

    def matches(self, ids: Sequence[int]) -> dict[int, WordMatch]:
        """Of these photographs those that have some of the words, as their rows say it."""
        whole = sum(self.weights.values()) + self.missing
        found: dict[int, WordMatch] = {}
        for number, row in Words(self.snapshot).of_items(ids).items():
            share, said = (self._weight(columns) / whole for columns in (row, row.said))
            if share > 0:
                found[number] = WordMatch(share, said, bool(row.captions))
        return found

    def _weight(self, columns: Iterable[str]) -> float:
        """Of the words that stand in these columns."""
        texts = [f" {column} " for column in columns if column]
        return sum(
            weight for word, weight in self.weights.items() if any(f" {' '.join(word)} " in text for text in texts)
        )
