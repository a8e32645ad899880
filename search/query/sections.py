"""The terms of a line as they grow, from left to right."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from search.query.lexer import QuerySyntaxError, Token
from search.query.operators import OPERATORS, is_operator
from search.query.quoting import DASHES, plain_forms, quoted
from search.query.stop_words import says_nothing
from search.query.terms import LEAST_WEIGHT, MAX_TERMS, MOST_WEIGHT, Term, Words

_SPECIAL: Final = re.compile(rf'[\s"“”„«»()|:*\\]|^[+{DASHES}-]|\.\.')
_NUMBER: Final = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)


@dataclass(slots=True)
class _Section:
    """A term as it grows. `at`: where it begins; `closed`: it takes no more words."""

    sign: int
    at: int
    factor: float = 1.0
    words: list[Words] = field(default_factory=list)
    image: str | None = None
    closed: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.words and self.image is None

    @property
    def subtracts_nothing(self) -> bool:
        """Whether it subtracts nothing but words of grammar and signs, none of them in quotation marks."""
        return (
            self.sign < 0
            and bool(self.words)
            and not any(words.exact for words in self.words)
            and all(says_nothing(words.text) for words in self.words)
        )

    def term(self) -> Term:
        """Plain words that follow each other are one."""
        words: list[Words] = []
        for exact, group in groupby(self.words, lambda each: each.exact):
            found = list(group)
            words += found if exact else [Words(" ".join(each.text for each in found))]
        return Term(words=tuple(words), image=self.image, weight=self.sign * self.factor)


class Sections:
    """Takes words, images and operators."""

    def __init__(self) -> None:
        self._all = [_Section(1, 0)]
        self._open = self._all[0]

    def operator(self, token: Token) -> None:
        """A "+" or "-" that stands alone."""
        self._require_operand()
        self._begin(1 if token.kind == "+" else -1, token.start)

    def words(self, token: Token, text: str, *, exact: bool) -> None:
        """What `token` says, `text`; `exact`: it stands in quotation marks."""
        words = Words.of(text, exact)
        if words is None:
            if exact:
                raise QuerySyntaxError("nothing stands between the quotation marks.", token.start)
            return
        if not exact and _reads_as_other(text, words.text):
            words = Words(words.text, exact=True)
        self._section_for(token, alone=False).words.append(words)

    def image(self, token: Token, path: str) -> None:
        """The image that `token` names, which is a term of its own."""
        section = self._section_for(token, alone=True)
        section.image, section.closed = path, True

    def terms(self, before_fields: bool) -> tuple[Term, ...]:
        """All of them; `before_fields`: fields stand behind them where they are printed. Raises QuerySyntaxError where
        one is missing, and where nothing is wanted."""
        self._require_operand()
        filled = [section for section in self._all if not section.is_empty]
        if filled and all(section.sign < 0 for section in filled):
            raise QuerySyntaxError(
                "this says only what is not wanted; say what is wanted as well, as in car -blue, or photo -blue for "
                "photographs of anything.",
                filled[0].at,
            )
        empty = next((section for section in filled if section.subtracts_nothing), None)
        if empty is not None:
            said = quoted(" ".join(words.text for words in empty.words))
            raise QuerySyntaxError(
                f"{said} alone says nothing of a picture; leave it out, or say what is not wanted, as in car - blue.",
                empty.at,
            )
        if before_fields and filled and filled[-1].words and is_operator(filled[-1].words[-1].text):
            last = filled[-1].words  # "or in:2021" would join
            last[-1] = Words(last[-1].text, exact=True)
        return tuple(section.term() for section in filled)

    def _require_operand(self) -> None:
        """Raises QuerySyntaxError where the last operator has nothing behind it."""
        section = self._open
        if section.is_empty and section is not self._all[0]:
            raise QuerySyntaxError(f"nothing stands behind this {'+' if section.sign > 0 else '-'}.", section.at)

    def _begin(self, sign: int, at: int) -> _Section:
        if len(self._all) >= MAX_TERMS:
            raise QuerySyntaxError(f"a query has at most {MAX_TERMS} terms.", at)
        self._open = _Section(sign, at)
        self._all.append(self._open)
        return self._open

    def _section_for(self, token: Token, *, alone: bool) -> _Section:
        """The section that takes what `token` brings; `alone`: it is a term of its own."""
        if token.weight is not None:
            factor = _factor(token)
            if not token.negated and not self._open.is_empty:
                self._begin(self._open.sign, token.start)
            section = self._next_section(token, alone=False)
            section.factor = factor
            return section
        return self._next_section(token, alone=alone)

    def _next_section(self, token: Token, *, alone: bool) -> _Section:
        before = self._open
        if token.negated:
            if (before.sign < 0 and before.is_empty) or plain_forms(token.text[:1]) in ("-", *DASHES):
                raise QuerySyntaxError(
                    "two minus signs before one word; one is enough, and an option of the command stands outside of "
                    "the quotation marks.",
                    token.start,
                )
            section = self._begin(-1, token.start)
            section.closed = True
            self._open = before
        elif (alone or before.closed) and not before.is_empty:
            section = self._begin(before.sign, token.start)
        else:
            section = before
        if alone:
            section.closed = True
        return section


def _reads_as_other(text: str, clean: str) -> bool:
    """Whether words would be read as something else where they are printed, in their normal form."""
    if not OPERATORS.keys().isdisjoint(re.findall("[A-Z]+", clean)):  # of a line in capitals
        return True
    return clean.startswith("*") or (clean != plain_forms(text) and _SPECIAL.search(clean) is not None)


def _factor(token: Token) -> float:
    """Raises QuerySyntaxError for a weight that is none."""
    assert token.weight is not None
    factor = float(token.weight) if _NUMBER.fullmatch(token.weight) else 0.0
    if LEAST_WEIGHT <= factor <= MOST_WEIGHT:
        return factor
    if _NUMBER.fullmatch(token.text) and not _NUMBER.fullmatch(token.weight):
        raise QuerySyntaxError(
            f"a weight stands before its words, as in {token.text}*{token.weight[:40]}.", token.start
        )
    raise QuerySyntaxError(
        f"{token.weight[:40]!r} is no weight; one is a number from {LEAST_WEIGHT} to {MOST_WEIGHT:g}, as in "
        "2*sunset; for the words themselves put quotation marks around them.",
        token.start,
    )
