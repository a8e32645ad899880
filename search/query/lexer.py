"""A line of the query language, cut into tokens that know their places.

Forms of one character are one: a full-width colon or plus is read as that of ASCII, and a dash that stands where a
minus would as a minus. What is words, or the value of a field, stays as it was typed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from indexer.errors import UsageError
from search.query.quoting import DASHES, QUOTES, plain_forms

#: "word" and "quoted": with what stands before them, a minus, a weight, a field's name. The others stand alone.
TokenKind = Literal["word", "quoted", "(", ")", "|", "+", "-", "-(", "end"]

_DASH: Final = re.compile(rf"(?<![^\s(|])[{DASHES}]")
#: What closes a quotation mark, by what opens it.
_CLOSING: Final = {'"': '"', "＂": "＂", "“": '”“"', "„": '“”"', "”": "”", "«": "»", "»": "«»"}
_PREFIX: Final = re.compile(
    rf"""(?P<minus>-?)
    (?:(?:(?P<number>\d+(?:\.\d+)?)\s*\*\s*|(?P<other>[^\s{QUOTES}()|*:-][^\s{QUOTES}()|*:]*)\*)(?=[^\s*+|)-]))?
    (?:(?P<field>[A-Za-z]+):(?=[^\s)|]))?""",
    re.VERBOSE,
)


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

    @property
    def is_bare(self) -> bool:
        """Whether it is a word with nothing before it."""
        return self.kind == "word" and self.field is None and self.weight is None and not self.negated


class QuerySyntaxError(UsageError):
    """A line that is no query. `position`: of the character that is wrong, from 0; `line`: the whole."""

    def __init__(self, said: str, position: int, line: str = "") -> None:
        super().__init__(f"The query is wrong at character {position + 1}: {said}")
        self.position = position
        self.line = line


def tokens(line: str) -> list[Token]:
    """The tokens of a line, and an "end". Raises QuerySyntaxError for quotation marks without a partner."""
    shape = line if line.isascii() else _DASH.sub("-", plain_forms(line))
    found: list[Token] = []
    at = 0
    while True:
        while at < len(line) and line[at].isspace():
            at += 1
        if at == len(line):
            return [*found, Token("end", "", at, at, at)]
        token = _token(line, shape, at)
        found.append(token)
        at = token.end


def _token(line: str, shape: str, at: int) -> Token:
    """The token at `at`. `shape`: the line in plain forms, character by character."""
    char, following = shape[at], shape[at + 1 : at + 2]
    if char in "()|" or char == "+" or (char == "-" and (not following or following.isspace())):
        return Token(char, line[at], at, at + 1, at)  # type: ignore[arg-type]
    if char == "-" and following == "(":
        return Token("-(", line[at : at + 2], at, at + 2, at)
    prefix = _PREFIX.match(shape, at)
    assert prefix is not None
    negated, weight, field = bool(prefix["minus"]), prefix["number"] or prefix["other"], prefix["field"]
    begin = prefix.end()
    if shape[begin : begin + 1] in _CLOSING:
        text, end = _quoted(line, begin)
        if field is not None and shape[end : end + 1] == ",":  # near:"New York",5
            text, end = text + line[end : _word_end(shape, end)], _word_end(shape, end)
        if shape[end : end + 1] == "*":
            raise QuerySyntaxError('a weight stands before its words, as in 2*"at night".', end)
        if end < len(shape) and not (shape[end].isspace() or shape[end] in "()|"):
            raise QuerySyntaxError("a space is missing behind the quotation mark.", end)
        return Token("quoted", text, at, end, begin, negated, weight, field)
    end = _word_end(shape, begin)
    return Token("word", line[begin:end], at, end, begin, negated, weight, field)


def _quoted(line: str, at: int) -> tuple[str, int]:
    """What stands between the quotation mark at `at` and its partner, and where it goes on."""
    closing, text, here = _CLOSING[line[at]], [], at + 1
    folder: tuple[int, int] | None = None  # path:"C:\photos\": a backslash before what may be the last mark
    while here < len(line):
        if line[here] == "\\" and line[here + 1 : here + 2] in ('"', "\\"):
            text.append(line[here + 1])
            here += 2
            if folder is None and line[here - 1] in closing and (here == len(line) or line[here].isspace()):
                folder = len(text), here
        elif line[here] in closing:
            return "".join(text), here + 1
        else:
            text.append(line[here])
            here += 1
    if folder is not None:
        return "".join(text[: folder[0] - 1]) + "\\", folder[1]
    raise QuerySyntaxError(f"the quotation mark {line[at]} has no partner.", at)


def _word_end(shape: str, at: int) -> int:
    """Where the word that begins at `at` ends: brackets within it belong to it where they come in pairs."""
    inner, here = 0, at
    while here < len(shape) and not shape[here].isspace():
        char = shape[here]
        if char in QUOTES:
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
