"""Filters of a line: fields with their values, and what brackets join.

any     = all { "|" all }
all     = { [-] field:value | [-] ( any ) }
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from indexer.errors import UsageError
from search.query.conditions import MAX_DEPTH, MAX_TESTS, Condition, all_of, any_of, opposite, tests
from search.query.dates import looks_like_a_span
from search.query.field_tests import test_of
from search.query.fields import FIELDS
from search.query.lexer import QuerySyntaxError, Token
from search.query.place_names import MOST_WORDS, is_named
from search.query.quoting import plain_forms, quoted
from search.query.slips import Note, as_words, check_unit, check_value, field_named


class Cursor:
    """Where a parser stands in the tokens of a line."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def next(self) -> Token:
        """The one that comes, which is taken; the end again and again."""
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def ahead(self, most: int) -> list[Token]:
        """Those that come next, which are left."""
        return self.tokens[self.at : self.at + most]


class ConditionParser:
    """Reads filters at a cursor. `note` takes what a person should know."""

    def __init__(self, cursor: Cursor, note: Note) -> None:
        self._cursor = cursor
        self._note = note
        self._tests = 0

    def test(self, token: Token, name: str) -> Condition:
        """The condition of a field with its value."""
        if token.weight is not None:
            raise QuerySyntaxError(f"{name}: has no weight; only words and images have one.", token.start)
        check_value(token, name)
        if name in ("near", "country") and (token.kind == "word" or token.text.endswith(",")):
            token = self._with_following(token, name)
        check_unit(name, token, self._cursor.tokens[self._cursor.at])
        condition = at_place(token, lambda: test_of(name, token.text))
        self._tests += 1 if name == "id" else sum(1 for _ in tests(condition))  # ids have a bound of their own
        if self._tests > MAX_TESTS:
            raise QuerySyntaxError(f"a query has at most {MAX_TESTS} filters.", token.start)
        return opposite(condition) if token.negated else condition

    def span(self, token: Token) -> Condition | None:
        """That of two dates with dots between them, without a field; None where a token is none."""
        is_span = token.kind == "word" and token.field is None and token.weight is None
        return self.test(token, "in") if is_span and looks_like_a_span(plain_forms(token.text)) else None

    def brackets(self, opening: Token) -> Condition:
        """What stands between brackets, of which the first was taken."""
        return self._turned(opening, self._any(1))

    def partner(self, opening: Token) -> int:
        """Which token closes the bracket that was just taken."""
        depth, tokens = 1, self._cursor.tokens
        for at in range(self._cursor.at, len(tokens)):
            depth += (tokens[at].kind in ("(", "-(")) - (tokens[at].kind == ")")
            if depth == 0:
                return at
        raise QuerySyntaxError(f"this bracket is not closed; {as_words('(')}.", opening.end - 1)

    def _with_following(self, token: Token, name: str) -> Token:
        """With the words behind it that name a place together: `near:new york`."""
        text, found = token.text, None
        for count, each in enumerate(self._cursor.ahead(MOST_WORDS), 1):
            if not each.is_bare:
                break
            text = f"{text} {each.text}"
            if is_named(name, text):
                found = count, replace(token, text=text, end=each.end)
        if found is None:
            return token
        self._cursor.at += found[0]
        self._note(f"{name}:{found[1].text} was read as {name}:{quoted(found[1].text)}.")
        return found[1]

    def _turned(self, opening: Token, condition: Condition) -> Condition:
        return opposite(condition) if opening.kind == "-(" else condition

    def _any(self, depth: int) -> Condition:
        """Up to the closing bracket, which is taken."""
        if depth > MAX_DEPTH:
            raise QuerySyntaxError(
                f"brackets stand at most {MAX_DEPTH} deep.", self._cursor.tokens[self._cursor.at].start
            )
        found = [self._all(depth)]
        while self._cursor.next().kind == "|":
            found.append(self._all(depth))
        return any_of(*found)

    def _all(self, depth: int) -> Condition:
        """Up to a "|" or the closing bracket, which are left."""
        found: list[Condition] = []
        while (token := self._cursor.tokens[self._cursor.at]).kind not in ("|", ")"):
            self._cursor.next()
            if token.kind in ("(", "-("):
                found.append(self._turned(token, self._any(depth + 1)))
            else:
                found.append(self.span(token) or self._field(token))
        if not found:
            raise QuerySyntaxError("a filter is missing here, as in (type:png | type:jpeg).", token.start)
        return all_of(*found)

    def _field(self, token: Token) -> Condition:
        name = field_named(token, self._note) if token.field is not None else None
        if name is None or FIELDS[name].role != "filter":
            what, them = (f"{name}:", "it") if name else ("words", "them")
            raise QuerySyntaxError(
                f"{what} cannot stand in brackets with filters, as in (type:png | type:jpeg); put {them} outside.",
                token.start,
            )
        return self.test(token, name)


T = TypeVar("T")


def at_place(token: Token, read: Callable[[], T]) -> T:
    """What `read` makes of the value of a token. Raises QuerySyntaxError, which says where, for its UsageError."""
    try:
        return read()
    except UsageError as error:
        raise QuerySyntaxError(str(error), token.at) from None
