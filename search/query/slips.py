"""What is written nearly as the query language writes, and what is said of it: one table.

Free text is the common case, so a note is enough where words may be meant; what nobody writes as words is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from search.query.dates import is_date_with_month
from search.query.fields import FIELDS, OF_ANY_TEXT, OTHER_NAMES
from search.query.lexer import QuerySyntaxError, Token
from search.query.quoting import DASHES, plain_forms, quoted
from search.query.ranges import UNITS
from search.query.stop_words import says_nothing

Note = Callable[[str], None]


class _Slip(NamedTuple):
    """`pattern`: of a whole word. `known`: whether the field that it names has to be one. `refused`: else noted.
    `said`: a sentence about {word}, {field}, {example}."""

    pattern: str
    known: bool | None
    refused: bool
    said: str


_AS_WORDS: Final = "to look for the words, write {quoted}."
_SLIPS: Final = (
    _Slip(
        r"(?P<field>[A-Za-z]+):+", True, True,
        "the value of {field}: follows without a space, as in {example}; " + _AS_WORDS,
    ),
    _Slip(r"(?P<field>[A-Za-z]+):+", False, False, "{word} is no field of a query, and was taken for words."),
    _Slip(
        r"[\[{]+-?(?P<field>[A-Za-z]+):.+", True, True,
        "filters are joined in round brackets, as in (type:png | type:jpeg); one alone needs none; " + _AS_WORDS,
    ),
    _Slip(r"\*(\d+(\.\d+)?)?", None, True, "a weight stands before its words, as in 2*dog; " + _AS_WORDS),
    _Slip(r"\d+(\.\d+)?\*+", None, True, "nothing stands behind this weight, as in 2*dog; " + _AS_WORDS),
    _Slip(r"\d+(\.\d+)?\*.+", None, True, "one weight stands before words, as in 2*dog or -2*dog; " + _AS_WORDS),
    _Slip(r".*/.*\*.*|.*\*.*/.*", None, True, "a pattern of paths is written path:{word}; " + _AS_WORDS),
    _Slip(
        r"(?=.*\*).*\.(\*|[A-Za-z][A-Za-z0-9]{0,4}\*?)|[A-Za-z]+_.*\*.*", None, True,
        "a pattern of names is written name:{word}; " + _AS_WORDS,
    ),
    _Slip(r"[^*]+\*", None, False, "{word} was taken for words; for names that begin so write name:{word}."),
    _Slip(r":+[^:].*", None, False, "{word} has no field before its colon, and was taken for words."),
    _Slip(r"\d{1,2}:[0-5]\d", None, False, "{word} was taken for words; time:{word} means that time of the day."),
)  # fmt: skip

#: A field by the name of its option, or of a program's argument: with-text:, min_probability:.
_OF_OPTION: Final = re.compile(r"-?(?P<name>[A-Za-z]+(?:[-_][A-Za-z]+)+):.*")
#: A field with its value, wherever it stands.
_WITHIN: Final = re.compile(r"([A-Za-z]+):[^\s,;:'!?)\]}]+")
#: What may follow a number, by field.
_UNITS: Final = {**UNITS, "near": ("km", "m"), "time": ("am", "pm")}


def check_word(token: Token, note: Note) -> None:
    """Notes, or refuses with a QuerySyntaxError, a word that is written like something else."""
    if token.weight is not None and token.text.startswith("("):
        raise QuerySyntaxError('a weight takes words without brackets, as in 2*"at night".', token.at)
    written = token.text if token.weight is None or is_weight(token.weight) else f"{token.weight}*{token.text}"
    word = plain_forms(written)
    for slip in _SLIPS:
        match = re.fullmatch(slip.pattern, word)
        if match is None:
            continue
        field = (match.groupdict().get("field") or "").lower()
        if slip.known is not None and slip.known != (field in FIELDS):
            continue
        told = {"field": field, "example": example(field) if field in FIELDS else "", "quoted": _quoted(written)}
        said = slip.said.format(word=written, **told)
        if slip.refused:
            raise QuerySyntaxError(said, token.start)
        note(said)
    _check_option(token, word)
    _check_glued(token, word)
    if is_date_with_month(word):
        note(f"{word} was taken for words; in:{word} means that time.")


def _check_option(token: Token, word: str) -> None:
    """Refuses a field that is called as its option is: "min-probability:50%"."""
    match = _OF_OPTION.fullmatch(word)
    known = OTHER_NAMES.get(match["name"].lower().replace("_", "-")) if match else None
    if match is not None and known is not None:
        raise _no_field(match["name"], known, token.text, token.start)


def _no_field(name: str, known: str, written: str, place: int) -> QuerySyntaxError:
    return QuerySyntaxError(
        f"there is no field {name}:; did you mean {known}:, as in {example(known)}? {as_words(written, capital=True)}.",
        place,
    )


def _check_glued(token: Token, word: str) -> None:
    """Refuses a field within a word, behind a sign or a letter without a case: "!has:gps", "dog,in:2021"."""
    for match in _WITHIN.finditer(word):
        before, name = word[match.start() - 1 : match.start()], match[1].lower()
        if name not in FIELDS or not before or before.lower() != before.upper() or word[: match.start()] == "-":
            continue
        stands = f"a field stands by itself, as in {match[0]}"
        if word.startswith("!"):
            stands = f"a minus turns a field round, as in -{match[0]}"
        raise QuerySyntaxError(f"{stands}; {as_words(token.text)}.", token.at + match.start())


def check_subtracted(token: Token, following: Sequence[Token]) -> None:
    """Refuses words of grammar and signs that are subtracted alone, as in "animal NOT a dog". `following`: what stands
    behind."""
    if not token.negated or token.kind != "word" or not says_nothing(token.text) or token.text[0] in ("-", *DASHES):
        return  # two minus signs are another slip
    behind = [each.text for each in takewhile(lambda each: each.is_bare, following)]
    weight = "" if token.weight is None else f"{token.weight}*"
    example = quoted(" ".join([token.text, *behind]) if behind else "a dog")
    raise QuerySyntaxError(
        f"{quoted(token.text)} alone says nothing of a picture; several words are subtracted in quotation marks, as in "
        f"-{weight}{example}.",
        token.start,
    )


def check_operator(token: Token, following: Token) -> None:
    """Refuses a plus or a minus that stands alone before a filter, which is no term."""
    name = (following.field or "").lower()
    if name in FIELDS and FIELDS[name].role != "term":
        said = f"{name}: needs no + before it; leave it out."
        if token.kind == "-":
            said = f"the minus of a field stands right before it, as in -{name}:{following.text}."
        raise QuerySyntaxError(said, token.start)


def check_value(token: Token, name: str) -> None:
    """Refuses brackets around the value of a field, and such as are not closed in it."""
    first = plain_forms(token.text[:1])
    if token.kind != "word" or first not in ("(", "[", "{"):
        return
    if name not in OF_ANY_TEXT or token.text.count("(") != token.text.count(")"):
        raise QuerySyntaxError(
            f"the value of {name}: stands without brackets, as in {example(name)}; for several, "
            f"({example(name)} | {name}:...).",
            token.at,
        )


def check_unit(name: str, token: Token, following: Token) -> None:
    """Refuses a unit that stands apart from its number: size:>5 MB would be five bytes, and words."""
    units = _UNITS.get(name, ())
    unit = following.text.lower()
    if token.kind == "word" and unit and following.is_bare and unit in units and token.text[-1:].isdigit():
        raise QuerySyntaxError(
            f"the unit stands right behind its number, as in {name}:{token.text}{following.text}.", following.start
        )


def field_named(token: Token, note: Note) -> str | None:
    """The field that a token names; None where it is words. Raises QuerySyntaxError for a slip."""
    assert token.field is not None
    name = token.field.lower()
    if name in FIELDS:
        return name
    if not token.text.startswith("//"):  # of an address
        import difflib

        known = OTHER_NAMES.get(name) or next(iter(difflib.get_close_matches(name, FIELDS, 1, 0.74)), None)
        if known is not None:
            raise _no_field(token.field, known, f"{token.field}:{token.text}", token.start)
        note(f"{token.field}: is no field of a query, and was taken for words.")
    return None


def is_weight(written: str) -> bool:
    """Whether it is a number as weights are, whether or not it is too large."""
    return re.fullmatch(r"\d+(\.\d+)?", plain_forms(written)) is not None


def as_words(text: str, *, capital: bool = False) -> str:
    """How to look for what stands there."""
    said = f"to look for the words, write {_quoted(text)}"
    return said[0].upper() + said[1:] if capital else said


def example(name: str) -> str:
    """A field with a value."""
    return f"{name}:{FIELDS[name].example.split('  ')[0]}"


def _quoted(text: str) -> str:
    return quoted(text if len(text) <= 60 else f"{text[:59]}…")
