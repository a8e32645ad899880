"""The words of one query in one state of the catalog: what they weigh, what has them, and how much of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from indexer.catalog import full_text
from indexer.catalog.items import Items
from indexer.catalog.transaction import Transaction
from indexer.catalog.words import NAMED, Words
from search.engine.fusion import WordMatch
from search.query.content_words import ContentWord

#: So many photographs that have a word are counted; what more have, has about the weight of that.
MOST_COUNTED: Final = 10_000
#: Words that more photographs have than this do not bring any by themselves where there are rarer ones: to score a
#: thousand rows takes a few milliseconds. Photographs that meaning has found get what these words say all the same.
MOST_SCORED: Final = 2_000


@dataclass(frozen=True, slots=True)
class AskedWords:
    """`weights`: of each word that something has, how much it tells, and how many have it; `missing`: the weight of all
    those that nothing has. `unwanted`: the words of each subtracted text of which something has all."""

    snapshot: Transaction
    weights: Mapping[ContentWord, float]
    numbers: Mapping[ContentWord, int]
    missing: float
    unwanted: Sequence[Sequence[ContentWord]] = ()

    @classmethod
    def of(
        cls, snapshot: Transaction, asked: Sequence[ContentWord], unwanted: Sequence[Sequence[ContentWord]] = ()
    ) -> AskedWords:
        """Weighed by their inverse document frequency, as in BM25 (Robertson and others 1994); what more than half of
        all photographs have tells nothing. Where the table of words is damaged none is looked for, which
        `snapshot.left_out` tells."""
        count = Words(snapshot).count
        numbers = {word: count(_expression(word), MOST_COUNTED) for word in asked}
        there = [each for each in unwanted if count(full_text.conjunction(map(_expression, each)), 1)]
        if not any(numbers.values()):
            return cls(snapshot, {}, {}, 0.0, there)
        total = max(Items(snapshot).total("image"), 1)
        weights = {
            word: math.log1p((max(total - number, 0) + 0.5) / (number + 0.5))
            for word, number in numbers.items()
            if number <= total / 2
        }
        known = {word: weight for word, weight in weights.items() if numbers[word]}
        return cls(snapshot, known, numbers, sum(weights.values()) - sum(known.values()), there)

    def __bool__(self) -> bool:
        return bool(self.weights or self.unwanted)

    def best(self, most: int) -> list[int]:
        """Ids of `most` photographs, hidden ones too: by BM25, then id, those that have one of the rarer words; where
        all are frequent, the newest that have all."""
        if not self.weights:
            return []
        rare = [word for word in self.weights if self.numbers[word] <= MOST_SCORED]
        if rare:
            return [
                number for number, _ in Words(self.snapshot).best(full_text.disjunction(map(_expression, rare)), most)
            ]
        return Words(self.snapshot).newest(full_text.conjunction(map(_expression, self.weights)), most)

    def matches(self, ids: Sequence[int]) -> dict[int, WordMatch]:
        """Of these photographs those that have some of the words, as their rows say it."""
        whole = sum(self.weights.values()) + self.missing
        found: dict[int, WordMatch] = {}
        for number, row in Words(self.snapshot).of_items(ids).items():
            said, named = _texts(row.said), _texts(row.named)
            of_it, by_name, sure = 0.0, 0.0, 0.0
            for word, weight in self.weights.items():
                if _holds(said, word.tokens):
                    of_it += weight
                elif _names(named, word):
                    if word.means_names:
                        sure += weight
                    else:
                        by_name += weight
            unwanted = any(all(_holds(said, word.tokens) for word in each) for each in self.unwanted)
            if of_it or by_name or sure or unwanted:
                total = whole or 1.0
                found[number] = WordMatch(
                    (of_it + sure) / total, by_name / total, of_it / total, bool(row.captions), unwanted
                )
        return found


def _expression(word: ContentWord) -> str:
    """What finds a word in the table of words."""
    phrase = full_text.phrase(word.tokens)
    if not word.begins:
        return phrase
    return f"({phrase} OR {full_text.within(NAMED, full_text.beginning(word.begins))})"


def _texts(columns: Sequence[str]) -> list[str]:
    return [f" {column} " for column in columns if column]


def _holds(texts: Sequence[str], tokens: Sequence[str]) -> bool:
    return any(f" {' '.join(tokens)} " in text for text in texts)


def _names(texts: Sequence[str], word: ContentWord) -> bool:
    if _holds(texts, word.tokens):
        return True
    return bool(word.begins) and any(f" {' '.join(word.begins)}" in text for text in texts)
