"""The parser of the query language: recursive descent over the tokens of a line.

    line    = { part }
    part    = words | [-] [weight *] "phrase" | [-] [weight *] word | [-] field:value | [-] ( any ) | + | -
    any     = all { "|" all }
    all     = { [-] field:value | [-] ( any ) }

Free text is the common case: what is nothing else is words. A "+" or "-" that stands alone begins a new term; a minus
before a word takes that word alone; a weight begins a term and holds for its words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from indexer.errors import EmptyQueryError, UsageError
from indexer.text import composed, with_few_marks
from search.query.conditions import MAX_DEPTH, MAX_TESTS, Condition, Test, all_of, any_of, opposite
from search.query.dates import is_date_with_month, looks_like_a_span
from search.query.fields import FIELDS, OTHER_NAMES
from search.query.lexer import QuerySyntaxError, Token, tokens
from search.query.quoting import quoted
from search.query.settings import Order, Target
from search.query.terms import LEAST_WEIGHT, MAX_TERMS, MOST_WEIGHT, Term, Words
from search.query.values import Value, parse_value
from search.query.words import clean_words

#: Longer than any question; what an encoder reads of a text is far less.
MAX_CHARACTERS: Final = 100_000

#: The path of the image that a word names, or None where it is a word. Raises SearchError for what is neither.
NamesImage = Callable[[str], "str | None"]

_MOST_NOTES: Final = 5
_ONE_VALUED: Final = frozenset({"type", "orientation", "date", "id", "country", "year"})
_SPECIAL: Final = re.compile(r'[\s"“”„«»()|:*\\]|^[+-]|\.\.')


@dataclass(slots=True)
class ParsedLine:
    """What a line says. `notes`: what a person should know."""

    terms: tuple[Term, ...] = ()
    where: Condition | None = None
    sort: Order | None = None
    min_probability: float | None = None
    to: Target | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)


def parse(line: str, names_image: NamesImage | None = None) -> ParsedLine:
    """Read a line of the query language. Without `names_image`, only `like:` names images.

    Raises QuerySyntaxError, which says where; EmptyQueryError for a line that says nothing; what `names_image` raises.
    """
    if len(line) > MAX_CHARACTERS:
        raise UsageError(f"The query has {len(line):,} characters, and {MAX_CHARACTERS:,} are allowed; shorten it.")
    line = with_few_marks(line.encode("utf-8", "replace").decode("utf-8"))
    try:
        return _Parser(line, names_image or (lambda word: None)).line()
    except QuerySyntaxError as error:
        error.line = line
        raise


@dataclass(slots=True)
class _Section:
    """A term as it grows. `at`: where it begins; `closed`: it takes no more words."""

    sign: int
    at: int
    factor: float | None = None
    words: list[Words] = field(default_factory=list)
    image: str | None = None
    closed: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.words and self.image is None

    def add(self, words: Words) -> None:
        """Plain words that follow each other are one."""
        if self.words and not words.exact and not self.words[-1].exact:
            words = Words(f"{self.words.pop().text} {words.text}")
        self.words.append(words)

    def term(self) -> Term:
        weight = self.sign * (1.0 if self.factor is None else self.factor)
        return Term(words=tuple(self.words), image=self.image, weight=weight)


class _Parser:
    def __init__(self, line: str, names_image: NamesImage) -> None:
        self._line = line
        self._tokens = tokens(line)
        self._at = 0
        self._names_image = names_image
        self._sections = [_Section(1, 0)]
        self._open = self._sections[0]
        self._conditions: list[Condition] = []
        self._tests = 0
        self._result = ParsedLine()

    def line(self) -> ParsedLine:
        while (token := self._next()).kind != "end":
            match token.kind:
                case "+" | "-":
                    self._operator(token)
                case "(" | "-(":
                    self._brackets(token)
                case ")":
                    raise QuerySyntaxError(f"this bracket closes none; {_as_words(')')}.", token.start)
                case "|":
                    raise QuerySyntaxError(
                        f"| stands between filters in brackets, as in (type:png | type:jpeg); {_as_words('|')}.",
                        token.start,
                    )
                case _:
                    self._part(token)
        return self._finished()

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    # -- terms ----------------------------------------------------------------------------------------------

    def _operator(self, token: Token) -> None:
        self._require_operand()
        self._begin(1 if token.kind == "+" else -1, token.start)

    def _require_operand(self) -> None:
        """Raises QuerySyntaxError where the last operator has nothing behind it."""
        section = self._open
        if section.is_empty and section is not self._sections[0]:
            raise QuerySyntaxError(f"nothing stands behind this {'+' if section.sign > 0 else '-'}.", section.at)

    def _begin(self, sign: int, at: int) -> _Section:
        if len(self._sections) >= MAX_TERMS:
            raise QuerySyntaxError(f"a query has at most {MAX_TERMS} terms.", at)
        self._open = _Section(sign, at)
        self._sections.append(self._open)
        return self._open

    def _section_for(self, token: Token, *, alone: bool) -> _Section:
        """The section that takes what `token` brings; `alone`: it is a term of its own."""
        before = self._open
        if token.negated:
            if (before.sign < 0 and before.is_empty) or token.text.startswith("-"):
                raise QuerySyntaxError("two minus signs before one word; one is enough.", token.start)
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

    def _weighted(self, token: Token) -> _Section:
        """The section that a weight begins."""
        assert token.weight is not None
        try:
            factor = float(token.weight) if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", token.weight, re.ASCII) else 0.0
        except ValueError:
            factor = 0.0
        if not LEAST_WEIGHT <= factor <= MOST_WEIGHT:
            raise QuerySyntaxError(
                f"{token.weight[:40]!r} is no weight; one is a number from {LEAST_WEIGHT} to {MOST_WEIGHT:g}, as in "
                "2*sunset; for the words themselves put quotation marks around them.",
                token.start,
            )
        if not token.negated and not self._open.is_empty:
            self._begin(self._open.sign, token.start)
        section = self._section_for(token, alone=False)
        section.factor = factor
        return section

    def _words(self, token: Token, text: str, *, exact: bool) -> None:
        clean = clean_words(text)
        if exact and not clean:
            raise QuerySyntaxError("nothing stands between the quotation marks.", token.start)
        if not clean:
            return
        section = self._section_for(token, alone=False) if token.weight is None else self._weighted(token)
        # What became something else by its normal form has to stay the words that it was.
        section.add(Words(clean, exact or (clean != text and _SPECIAL.search(clean) is not None)))

    def _image(self, token: Token, path: str) -> None:
        section = self._section_for(token, alone=True) if token.weight is None else self._weighted(token)
        section.image, section.closed = path, True

    # -- parts ----------------------------------------------------------------------------------------------

    def _part(self, token: Token) -> None:
        if token.field is not None:
            name = self._known_field(token)
            if name is not None:
                self._field(token, name)
                return
            path = self._names_image(f"{token.field}:{token.text}") if token.kind == "word" else None
            if path is not None:  # an address
                self._image(token, path)
                return
            self._words(token, f"{token.field}:{'' if token.kind == 'quoted' else token.text}", exact=False)
            if token.kind == "quoted":
                self._words(replace(token, field=None, negated=False, weight=None), token.text, exact=True)
            return
        if token.kind == "word":
            bare = token.text.rstrip(":").lower()
            name = token.text.partition(":")[0].lower()
            if name in FIELDS and re.match(r"[A-Za-z]+:[(\[{]", token.text):
                raise QuerySyntaxError(
                    f"the value of {name}: stands without brackets, as in {_example(name)}; for several, "
                    f"({_example(name)} | {name}:...).",
                    token.at,
                )
            if token.text.endswith(":") and bare in FIELDS:
                raise QuerySyntaxError(
                    f"the value of {bare}: follows without a space, as in {_example(bare)}; {_as_words(token.text)}.",
                    token.start,
                )
            if token.text.endswith(":") and bare.isalpha():
                self._note(f"{token.text} is no field of a query, and was taken for words.")
            if is_date_with_month(token.text):
                self._note(f"{token.text} was taken for words; in:{token.text} means that time.")
            if looks_like_a_span(token.text) and token.weight is None:
                self._conditions.append(self._test(token, "in"))
                return
            path = self._names_image(token.text)
            if path is not None:
                self._image(token, path)
                return
        self._words(token, token.text, exact=token.kind == "quoted")

    def _known_field(self, token: Token) -> str | None:
        """The field that a token names; None where it is words. Raises QuerySyntaxError for a slip."""
        assert token.field is not None
        name = token.field.lower()
        if name in FIELDS:
            return name
        if not token.text.startswith("//"):  # of an address
            import difflib

            known = OTHER_NAMES.get(name) or next(iter(difflib.get_close_matches(name, FIELDS, 1, 0.74)), None)
            if known is not None:
                raise QuerySyntaxError(
                    f"there is no field {token.field}:; did you mean {known}:, as in {_example(known)}? "
                    f"{_as_words(f'{token.field}:{token.text}', capital=True)}.",
                    token.start,
                )
            self._note(f"{token.field}: is no field of a query, and was taken for words.")
        return None

    def _field(self, token: Token, name: str) -> None:
        row = FIELDS[name]
        if token.weight is not None and row.role != "term":
            raise QuerySyntaxError(f"{name}: has no weight; only words and images have one.", token.start)
        if row.role == "filter":
            self._conditions.append(self._test(token, name))
        elif row.role == "setting":
            self._setting(token, name)
        elif name == "like":
            self._image(token, token.text)
        elif token.negated:
            raise QuerySyntaxError("a minus before not: says no twice; leave one out.", token.start)
        else:
            self._words(replace(token, field=None, negated=True), token.text, exact=True)

    def _setting(self, token: Token, name: str) -> None:
        if token.negated:
            raise QuerySyntaxError(f"{name}: says how to answer, and has no minus before it.", token.start)
        attribute = "min_probability" if name == "min" else name
        if getattr(self._result, attribute) is not None:
            raise QuerySyntaxError(f"{name}: is there twice; give one.", token.start)
        setattr(self._result, attribute, self._value(token, name))

    def _test(self, token: Token, name: str) -> Condition:
        self._tests += 1
        if self._tests > MAX_TESTS:
            raise QuerySyntaxError(f"a query has at most {MAX_TESTS} filters.", token.start)
        value = self._value(token, name)
        test = Test(name, value)
        return opposite(test) if token.negated else test

    def _note(self, said: str) -> None:
        if said not in self._result.notes and len(self._result.notes) < _MOST_NOTES:
            self._result.notes += (said,)

    def _note_contradictions(self) -> None:
        """A photograph has one type and one camera: of two none has both."""
        seen: dict[str, str] = {}
        for condition in self._conditions:
            if isinstance(condition, Test) and condition.field in _ONE_VALUED:
                before = seen.setdefault(condition.field, str(condition))
                if before != str(condition):
                    self._note(
                        f"Both {before} and {condition} have to hold; for either write ({before} | {condition})."
                    )

    def _value(self, token: Token, name: str) -> Value:
        try:
            return parse_value(name, composed(token.text))
        except QuerySyntaxError:
            raise
        except UsageError as error:
            raise QuerySyntaxError(str(error), token.at) from None

    # -- brackets -------------------------------------------------------------------------------------------

    def _brackets(self, token: Token) -> None:
        end = self._partner(token)
        inside = self._tokens[self._at : end]
        if all(each.kind in ("word", "(", ")") and each.field is None and not each.negated and each.weight is None
               for each in inside):  # fmt: skip
            last = self._tokens[end]
            raw = self._line[token.start : last.end]
            self._at = end + 1
            if not inside:
                raise QuerySyntaxError(f"nothing stands between these brackets; {_as_words('()')}.", token.start)
            words = replace(token, kind="word", text=raw.removeprefix("-"), negated=token.kind == "-(")
            self._words(words, words.text, exact=False)
            return
        condition = self._any(1)
        self._conditions.append(opposite(condition) if token.kind == "-(" else condition)

    def _partner(self, token: Token) -> int:
        """Where the bracket closes that was just opened."""
        depth = 1
        for at in range(self._at, len(self._tokens)):
            kind = self._tokens[at].kind
            depth += (kind in ("(", "-(")) - (kind == ")")
            if depth == 0:
                return at
        raise QuerySyntaxError(f"this bracket is not closed; {_as_words('(')}.", token.end - 1)

    def _any(self, depth: int) -> Condition:
        """Up to the closing bracket, which is taken."""
        if depth > MAX_DEPTH:
            raise QuerySyntaxError(f"brackets stand at most {MAX_DEPTH} deep.", self._tokens[self._at].start)
        found = [self._all(depth)]
        while self._next().kind == "|":
            found.append(self._all(depth))
        return any_of(*found)

    def _all(self, depth: int) -> Condition:
        """Up to a "|" or the closing bracket, which are left."""
        found: list[Condition] = []
        while (token := self._tokens[self._at]).kind not in ("|", ")"):
            self._next()
            if token.kind in ("(", "-("):
                condition = self._any(depth + 1)
                found.append(opposite(condition) if token.kind == "-(" else condition)
                continue
            name = self._known_field(token) if token.field is not None else None
            if token.kind == "word" and token.field is None and looks_like_a_span(token.text):
                name = "in"
            if name is None or FIELDS[name].role != "filter":
                what = f"{name}:" if name is not None else "words"
                raise QuerySyntaxError(
                    f"{what} cannot stand in brackets with filters, as in (type:png | type:jpeg); put "
                    f"{'it' if name else 'them'} outside.",
                    token.start,
                )
            if token.weight is not None:
                raise QuerySyntaxError(f"{name}: has no weight; only words and images have one.", token.start)
            found.append(self._test(token, name))
        if not found:
            raise QuerySyntaxError("a filter is missing here, as in (type:png | type:jpeg).", token.start)
        return all_of(*found)

    # -- the whole ------------------------------------------------------------------------------------------

    def _finished(self) -> ParsedLine:
        self._require_operand()
        sections = [section for section in self._sections if not section.is_empty]
        result = self._result
        result.terms = tuple(section.term() for section in sections)
        self._note_contradictions()
        result.where = all_of(*self._conditions) if self._conditions else None
        if sections and all(section.sign < 0 for section in sections):
            raise QuerySyntaxError(
                "this says only what is not wanted; say what is wanted as well, as in car -blue.", sections[0].at
            )
        if not sections and result.where is None and result.sort is None:
            raise EmptyQueryError('The query is empty; say what to look for, as in "a red car".')
        return result


def _as_words(text: str, *, capital: bool = False) -> str:
    said = f"to look for the words, write {quoted(text if len(text) <= 60 else f'{text[:59]}…')}"
    return said[0].upper() + said[1:] if capital else said


def _example(name: str) -> str:
    return f"{name}:{FIELDS[name].example.split('  ')[0]}"
