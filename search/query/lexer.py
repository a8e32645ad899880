"""A line of the query language, cut into tokens that know their places."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from indexer.errors import UsageError

#: "word" and "quoted": with what stands before them, a minus, a weight, a field's name. The others stand alone.
TokenKind = Literal["word", "quoted", "(", ")", "|", "+", "-", "-(", "end"]

#: An opening quotation mark, and what closes it.
_QUOTES: Final = {'"': '"', "“": "”", "„": "“”", "«": "»", "”": "”"}
_CLOSING: Final = frozenset("".join(_QUOTES.values()))
_PREFIX: Final = re.compile(r"(-?)(?:([^\s\"“”„«»()|*:-][^\s\"“”„«»()|*:]*)\*(?=[^\s*]))?(?:([A-Za-z]+):(?=[^\s()|]))?")


@dataclass(frozen=True, slots=True)
class Token:
    """`start`, `end`: its place in the line. `negated`: a minus stands before it. `weight`: what stands before a star.
    `field`: what stands before a colon, as it was typed. `text`: the rest, which begins at `at`."""

    kind: TokenKind
    text: str
    start: int
    end: int
    at: int
    negated: bool = False
    weight: str | None = None
    field: str | None = None


class QuerySyntaxError(UsageError):
    """A line that is no query. `position`: of the character that is wrong, from 0; `line`: the whole."""

    def __init__(self, said: str, position: int, line: str = "") -> None:
        super().__init__(f"The query is wrong at character {position + 1}: {said}")
        self.position = position
        self.line = line


def tokens(line: str) -> list[Token]:
    """The tokens of a line, and an "end". Raises QuerySyntaxError for quotation marks without a partner."""
    found: list[Token] = []
    at = 0
    while True:
        while at < len(line) and line[at].isspace():
            at += 1
        if at == len(line):
            return [*found, Token("end", "", at, at, at)]
        token = _token(line, at)
        found.append(token)
        at = token.end


def _token(line: str, at: int) -> Token:
    char = line[at]
    following = line[at + 1 : at + 2]
    if char in "()|":
        return Token(char, char, at, at + 1, at)  # type: ignore[arg-type]
    if char == "+" or (char == "-" and (not following or following.isspace())):
        return Token(char, char, at, at + 1, at)  # type: ignore[arg-type]
    if line.startswith("-(", at):
        return Token("-(", "-(", at, at + 2, at)
    prefix = _PREFIX.match(line, at)
    assert prefix is not None
    negated, weight, field = bool(prefix[1]), prefix[2], prefix[3]
    begin = prefix.end()
    if line[begin : begin + 1] in _QUOTES:
        text, end = _quoted(line, begin)
        if field is not None and line[end : end + 1] == ",":  # near:"New York",5
            text, end = text + line[end : _word_end(line, end)], _word_end(line, end)
        if end < len(line) and not (line[end].isspace() or line[end] in "()|"):
            raise QuerySyntaxError("a space is missing behind the quotation mark.", end)
        return Token("quoted", text, at, end, begin, negated, weight, field)
    end = _word_end(line, begin)
    return Token("word", line[begin:end], at, end, begin, negated, weight, field)


def _quoted(line: str, at: int) -> tuple[str, int]:
    """What stands between the quotation mark at `at` and its partner, and where it goes on."""
    closing, text, here = _QUOTES[line[at]], [], at + 1
    while here < len(line):
        if line[here] == "\\" and line[here + 1 : here + 2] in ('"', "\\"):
            text.append(line[here + 1])
            here += 2
        elif line[here] in closing:
            return "".join(text), here + 1
        else:
            text.append(line[here])
            here += 1
    raise QuerySyntaxError(f"the quotation mark {line[at]} has no partner.", at)


def _word_end(line: str, at: int) -> int:
    """Where the word that begins at `at` ends: brackets within it belong to it where they come in pairs."""
    inner, here = 0, at
    while here < len(line) and not line[here].isspace():
        char = line[here]
        if char in _CLOSING or char in _QUOTES:
            raise QuerySyntaxError(
                f"the quotation mark {char} has no partner; leave it out, or put the words in quotation marks.",
                here,
            )
        if char == "|":
            break
        if char == "(":
            inner += 1
        elif char == ")":
            if inner == 0:
                break
            inner -= 1
        here += 1
    return here
