"""AND, OR and NOT in capitals, as other search boxes have them, become what this language writes: a space, | and -.

In a line that is all in capitals they are words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

from search.query.lexer import QuerySyntaxError, Token
from search.query.quoting import plain_forms

#: How each is read.
OPERATORS: Final = {"AND": "a space", "OR": "|", "NOT": "a minus"}


def with_operators(tokens: list[Token], note: Callable[[str], None]) -> list[Token]:
    """The same tokens, with the language's own for AND, OR and NOT.

    Raises QuerySyntaxError where one of them has nothing to join or to turn round.
    """
    named = [operator for token in tokens if (operator := _operator(token))]
    if not named:
        return tokens
    words = [plain_forms(token.text) for token in tokens if token.is_bare and not _operator(token)]
    if any(map(str.isupper, words)) and not any(any(map(str.islower, word)) for word in words):
        for operator in dict.fromkeys(named):
            note(f"{operator} was taken for a word, as all words are in capitals.")
        return tokens
    for operator in dict.fromkeys(named):
        note(f'{operator} was read as {OPERATORS[operator]}; for the word write "{operator}".')
    return list(_joined(tokens))


def _joined(tokens: list[Token]) -> Iterator[Token]:
    before = "("
    rest = pairwise(tokens)
    for token, following in rest:
        match _operator(token):
            case "NOT":
                token = _turned(token, following)
                next(rest)
            case "AND" | "OR" as operator:
                if before in ("(", "-(", "|", "+", "-") or following.kind in (")", "|", "+", "end"):
                    raise QuerySyntaxError(
                        f'{operator} stands between two parts; for the word write "{operator}".', token.start
                    )
                if operator == "AND":
                    continue
                token = replace(token, kind="|")
        before = token.kind
        yield token
    yield tokens[-1]


def _turned(token: Token, following: Token) -> Token:
    """What stands behind a NOT, with a minus."""
    if following.kind == "(":
        return replace(following, kind="-(", start=token.start)
    if following.kind not in ("word", "quoted") or following.negated or _operator(following):
        raise QuerySyntaxError('what NOT turns round stands behind it; for the word write "NOT".', token.start)
    return replace(following, negated=True, start=token.start)


def _operator(token: Token) -> str | None:
    word = plain_forms(token.text) if token.is_bare else ""
    return word if word in OPERATORS else None
