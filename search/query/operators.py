"""AND, OR and NOT, as other search boxes have them, become what this language writes: a space, | and -.

In capitals they are read so everywhere but in a line that is all in capitals; in small letters only right beside a
field or brackets of fields, where nobody means words: "not in:2021", "has:gps and camera:pixel".
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final

from search.query.fields import FIELDS
from search.query.lexer import QuerySyntaxError, Token
from search.query.quoting import plain_forms

#: How each is read.
OPERATORS: Final = {"AND": "a space", "OR": "|", "NOT": "a minus"}


def with_operators(tokens: list[Token], note: Callable[[str], None]) -> list[Token]:
    """The same tokens, with the language's own for AND, OR and NOT.

    Raises QuerySyntaxError where one of them has nothing to join or to turn round.
    """
    words = {at: name for at, token in enumerate(tokens) if (name := _named(token))}
    if not words:
        return tokens
    in_capitals = {at: name for at, name in words.items() if plain_forms(tokens[at].text) == name}
    if in_capitals and _all_in_capitals(tokens, words):
        for name in dict.fromkeys(in_capitals.values()):
            note(f"{name} was taken for a word, as all words are in capitals.")
        in_capitals = {}
    fields = _fields(tokens)
    operators = in_capitals | _beside_fields(words, fields)
    for at, name in words.items():
        if name == "NOT" and at not in operators and at - 1 in fields:
            note(f"{tokens[at].text} was taken for a word; to subtract what follows write a minus right before it.")
    for at, name in sorted(operators.items()):
        note(f'{tokens[at].text} was read as {OPERATORS[name]}; for the word write "{tokens[at].text}".')
    return list(_joined(tokens, operators)) if operators else tokens


def is_operator(word: str) -> bool:
    """Whether a word is one of the three, in capitals or not."""
    return plain_forms(word).upper() in OPERATORS


def _named(token: Token) -> str | None:
    return plain_forms(token.text).upper() if token.is_bare and is_operator(token.text) else None


def _all_in_capitals(tokens: list[Token], operators: Mapping[int, str]) -> bool:
    words = [plain_forms(token.text) for at, token in enumerate(tokens) if token.is_bare and at not in operators]
    return any(map(str.isupper, words)) and not any(any(map(str.islower, word)) for word in words)


def _beside_fields(words: Mapping[int, str], fields: set[int]) -> dict[int, str]:
    """Those that stand right beside a field: NOT before one, AND and OR on either side of one."""
    found: dict[int, str] = {}
    for at in sorted(words, reverse=True):  # from the right: in "and not in:2021" the "not" is known first
        after = at + 1 in fields or found.get(at + 1) == "NOT"
        if after or (words[at] != "NOT" and at - 1 in fields):
            found[at] = words[at]
    return found


def _fields(tokens: list[Token]) -> set[int]:
    """Which tokens are a field with its value, or a bracket of such as hold one."""
    found = {at for at, token in enumerate(tokens) if token.field is not None and token.field.lower() in FIELDS}
    held = sorted(found)
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.kind in ("(", "-("):
            opened.append(at)
        elif token.kind == ")" and opened:
            begin = opened.pop()
            if bisect(held, begin) < bisect(held, at):
                found |= {begin, at}
    return found


def _joined(tokens: list[Token], operators: Mapping[int, str]) -> Iterator[Token]:
    before = "("
    rest = enumerate(pairwise(tokens))
    for at, (token, following) in rest:
        match operators.get(at):
            case "NOT":
                token = _turned(token, following, at + 1 in operators)
                next(rest)
            case "AND" | "OR" as operator:
                if before in ("(", "-(", "|", "+", "-") or following.kind in (")", "|", "+", "end"):
                    raise QuerySyntaxError(
                        f'{token.text} stands between two parts; for the word write "{token.text}".', token.start
                    )
                if operator == "AND":
                    continue
                token = replace(token, kind="|")
        before = token.kind
        yield token
    yield tokens[-1]


def _turned(token: Token, following: Token, before_operator: bool) -> Token:
    """What stands behind a NOT, with a minus."""
    if following.kind == "(":
        return replace(following, kind="-(", start=token.start)
    if following.kind not in ("word", "quoted") or following.negated or before_operator:
        raise QuerySyntaxError(
            f'what {token.text} turns round stands behind it; for the word write "{token.text}".', token.start
        )
    return replace(following, negated=True, start=token.start)
