"""The words of queries in one state of the catalog: what they weigh, what has them, and how much of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from indexer.catalog import word_expressions
from indexer.catalog.items import Items
from indexer.catalog.transaction import Transaction
from indexer.catalog.words import NAMED, WordRow, Words
from indexer.words import Word
from indexer.words import words as words_of
from search.engine.fusion import WordMatch
from search.query.content_words import ContentWord

#: So many photographs that have a word are counted; what more have, has about the weight of that.
MOST_COUNTED: Final = 10_000
#: Words that more photographs have than this do not bring any by themselves where there are rarer ones: to score a
#: thousand rows takes a few milliseconds. Photographs that meaning has found get what these words say all the same.
MOST_SCORED: Final = 2_000
#: What stands between two columns.
_BETWEEN: Final = " \n "
#: So few words are no sentence, and a caption that has one makes no photograph less probable
#: (tests/benchmarks/bench_fusion.py).
FEW: Final = 3


@dataclass(frozen=True, slots=True)
class AskedWords:
    """Of one query. `weights`: of each word that something has, how much it tells; `numbers`: how many have each;
    `missing`: the weight of all those that nothing has. `unwanted`: the words of each subtracted text of which
    something has all."""

    weights: Mapping[ContentWord, float]
    numbers: Mapping[ContentWord, int]
    missing: float
    unwanted: Sequence[Sequence[ContentWord]] = ()

    def __bool__(self) -> bool:
        return bool(self.weights or self.unwanted)

    @property
    def are_sentence(self) -> bool:
        """Whether they say what a picture shows in more than a few words, none of which means names."""
        return len(self.numbers) > FEW and not any(word.means_names for word in self.numbers)

    def has(self, text: str) -> bool:
        """Whether a text is words of these that are said of something."""
        said = {token for word, number in self.numbers.items() if number for token in word.tokens}
        return {token for word in words_of(text) for token in word} <= said

    def matches(self, ids: Sequence[int], rows: Mapping[int, WordRow]) -> dict[int, WordMatch]:
        """Of these photographs those that have some of the words, as their `rows` say it."""
        whole = (sum(self.weights.values()) + self.missing) or 1.0
        wanted = [(_Sought.of(word), weight) for word, weight in self.weights.items()]
        unwanted = [[_Sought.of(word).whole for word in each] for each in self.unwanted]
        found: dict[int, WordMatch] = {}
        for number in ids:
            match = self._match(rows[number], wanted, unwanted, whole) if number in rows else None
            if match is not None:
                found[number] = match
        return found

    def _match(
        self, row: WordRow, wanted: Sequence[tuple[_Sought, float]], unwanted: Sequence[Sequence[str]], whole: float
    ) -> WordMatch | None:
        said, named = _text(row.said), _text(row.named)
        of_it, by_name, sure, meant = 0.0, 0.0, 0.0, 0.0
        for word, weight in wanted:
            if word.whole in said:
                of_it += weight
                meant += weight * word.means_names
            elif word.whole in named or any(each in named for each in word.beginnings):
                if word.means_names:
                    sure += weight
                    meant += weight
                else:
                    by_name += weight
        unsaid = not any(all(each in said for each in text) for text in unwanted)
        if unsaid and not (of_it or by_name or sure):
            return None
        captioned = bool(row.captions) and len(self.numbers) > FEW
        return WordMatch((of_it + sure) / whole, by_name / whole, of_it / whole, captioned, not unsaid, meant / whole)


class _Sought(NamedTuple):
    """A word as it is sought in the text of a row: the `whole`, and the `beginnings` of a name, if it may be one."""

    whole: str
    beginnings: tuple[str, ...]
    means_names: bool

    @classmethod
    def of(cls, word: ContentWord) -> _Sought:
        beginnings = tuple(f" {' '.join(tokens)}" for tokens in _beginnings(word))
        return cls(f" {' '.join(word.tokens)} ", beginnings, word.means_names)


NO_WORDS: Final = AskedWords({}, {}, 0.0)


def weigh(
    snapshot: Transaction, asked: Sequence[tuple[Sequence[ContentWord], Sequence[Sequence[ContentWord]]]]
) -> list[AskedWords]:
    """Of each query its words, and those of the texts that it subtracts, with what they weigh. A fixed number of
    statements for all queries.

    Weighed by their inverse document frequency, as in BM25 (Robertson and others 1994); what more than half of all
    photographs have tells nothing. Where the table of words is damaged none is looked for, which `snapshot.left_out`
    tells.
    """
    each_word = list(dict.fromkeys(word for words, _ in asked for word in words))
    each_unwanted = list(dict.fromkeys(tuple(one) for _, unwanted in asked for one in unwanted))
    counts = Words(snapshot).counts
    numbers = dict(zip(each_word, counts([_expression(word) for word in each_word], MOST_COUNTED), strict=True))
    all_of = [word_expressions.conjunction(map(_expression, one)) for one in each_unwanted]
    there = dict(zip(each_unwanted, counts(all_of, 1), strict=True))
    total = max(Items(snapshot).total("image"), 1) if any(numbers.values()) else 1
    found: list[AskedWords] = []
    for words, unwanted in asked:
        own = {word: numbers[word] for word in words}
        said = [one for one in unwanted if there[tuple(one)]]
        if not any(own.values()):
            found.append(AskedWords({}, {}, 0.0, said))
            continue
        weights = {
            word: math.log1p((max(total - number, 0) + 0.5) / (number + 0.5))
            for word, number in own.items()
            if number <= total / 2
        }
        known = {word: weight for word, weight in weights.items() if own[word]}
        found.append(AskedWords(known, own, sum(weights.values()) - sum(known.values()), said))
    return found


def best_by_words(snapshot: Transaction, asked: Sequence[AskedWords], most: int) -> list[list[int]]:
    """Of each query the ids of `most` photographs, hidden ones too: by BM25, then id, those that have one of the rarer
    words; where all are frequent, the newest that have all. A fixed number of statements for all queries."""
    rare, frequent = {}, {}
    for place, one in enumerate(asked):
        rarer = [word for word in one.weights if one.numbers[word] <= MOST_SCORED]
        if rarer:
            rare[place] = word_expressions.disjunction(map(_expression, rarer))
        elif one.weights:
            frequent[place] = word_expressions.conjunction(map(_expression, one.weights))
    found = dict(zip(rare, Words(snapshot).best(list(rare.values()), most), strict=True))
    found |= zip(frequent, Words(snapshot).newest(list(frequent.values()), most), strict=True)
    return [found.get(place, []) for place in range(len(asked))]


def _expression(word: ContentWord) -> word_expressions.Expression:
    """What finds a word in the table of words."""
    phrase = word_expressions.phrase(word.tokens)
    if not word.begins:
        return phrase
    beginnings = word_expressions.disjunction(map(word_expressions.beginning, _beginnings(word)))
    return word_expressions.disjunction([phrase, word_expressions.within(NAMED, beginnings)])


def _beginnings(word: ContentWord) -> tuple[Word, ...]:
    """What a name that is meant begins with: cut as names are, and uncut, as what a program names a file by."""
    return tuple(dict.fromkeys((word.begins, word.tokens))) if word.begins else ()


def _text(columns: Sequence[str]) -> str:
    """What columns hold as one text with a space on both sides of each token; no token is a line break, so nothing is
    found that begins in one column and ends in the next."""
    return f" {_BETWEEN.join([column for column in columns if column])} "
