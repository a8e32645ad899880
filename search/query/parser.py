"""The parser of the query language: recursive descent over the tokens of a line.

    line    = { part }
    part    = words | [-] [weight *] "phrase" | [-] [weight *] word | [-] field:value | [-] ( any ) | + | -

`any`: filters in brackets (`condition_parser.py`). Free text is the common case: what is nothing else is words. A "+"
or "-" that stands alone begins a new term; a minus before a word takes that word alone; a weight begins a term and
holds for its words.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from indexer.errors import EmptyQueryError
from search.query.condition_parser import ConditionParser, Cursor, at_place
from search.query.conditions import Condition, Test, all_of
from search.query.fields import FIELDS, OF_ANY_TEXT
from search.query.image_names import MOST_FOLLOWING, NamesImage, named_image
from search.query.lexer import QuerySyntaxError, Token, tokens
from search.query.negations import said_of_negation
from search.query.operators import with_operators
from search.query.quoting import DASHES, quoted
from search.query.sections import Sections
from search.query.settings import Order, Target
from search.query.slips import as_words, check_operator, check_subtracted, check_word, field_named
from search.query.split_values import said_of_split, words_behind
from search.query.terms import Term
from search.query.values import parse_value
from search.query.words import legible

_MOST_NOTES: Final = 5
_MOST_SHOWN: Final = 3  # words behind one that is refused
_ONE_VALUED: Final = frozenset({"type", "orientation", "date", "id", "country", "year"})


def _is_filter(name: str) -> bool:
    field = FIELDS.get(name.lower())
    return field is not None and field.role == "filter"


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

    Raises QuerySyntaxError, which says where; UsageError for one that is too long; EmptyQueryError for one that says
    nothing; what `names_image` raises.
    """
    line = legible(line)
    try:
        return _Parser(line, names_image).line()
    except QuerySyntaxError as error:
        error.line = line
        raise


class _Parser:
    def __init__(self, line: str, names_image: NamesImage | None) -> None:
        self._line = line
        self._names_image = names_image
        self._result = ParsedLine()
        self._cursor = Cursor(with_operators(tokens(line), self._note))
        self._filters = ConditionParser(self._cursor, self._note)
        self._sections = Sections()
        self._conditions: list[Condition] = []
        self._settings: dict[str, str] = {}
        self._standard_input = False
        self._read = self._behind = 0  # words that were read, and those of them right behind a field's value

    def line(self) -> ParsedLine:
        while (token := self._cursor.next()).kind != "end":
            if self._line[token.start] in DASHES:
                dash = self._line[token.start]
                self._note(f'{dash} was read as a minus; for the dash write "{dash}".')
            match token.kind:
                case "+" | "-":
                    check_operator(token, self._cursor.tokens[self._cursor.at])
                    self._sections.operator(token)
                case "(" | "-(":
                    self._brackets(token)
                case ")":
                    raise QuerySyntaxError(f"this bracket closes none; {as_words(')')}.", token.start)
                case "|":
                    raise QuerySyntaxError(f"{self._misplaced_or(token)}.", token.start)
                case _ if token.field is not None and (name := field_named(token, self._note)) is not None:
                    self._field(token, name)
                case _:
                    self._words(token)
        return self._finished()

    def _words(self, token: Token) -> None:
        """What is no field: the name of an image, two dates, or words."""
        self._read += 1
        if token.kind == "word":
            if self._image(token):
                return
            if token.field is None:
                check_word(token, self._note)
                check_subtracted(token, self._cursor.ahead(_MOST_SHOWN))
                span = self._filters.span(token)
                if span is not None:
                    self._conditions.append(span)
                    return
        if token.field is None:
            self._sections.words(token, token.text, exact=token.kind == "quoted")
            return
        self._sections.words(token, f"{token.field}:{'' if token.kind == 'quoted' else token.text}", exact=False)
        if token.kind == "quoted":
            self._sections.words(replace(token, field=None, negated=False, weight=None), token.text, exact=True)

    def _image(self, token: Token) -> bool:
        """Whether a word begins the name of an image, which is taken. Raises what `names_image` raises."""
        if self._names_image is None:
            return False
        begin = token.at if token.field is None else token.at - len(token.field) - 1
        found = named_image(self._line, begin, self._cursor.ahead(MOST_FOLLOWING), self._names_image)
        path = self._names_image(self._line[begin : token.end]) if found is None else found[0]
        if path is None:
            return False
        self._cursor.at += 0 if found is None else found[1]
        self._sections.image(token, path)
        return True

    def _field(self, token: Token, name: str) -> None:
        role = FIELDS[name].role
        if role == "filter":
            self._conditions.append(self._filters.test(token, name))
            self._note_split(token, name)
        elif role == "setting":
            self._setting(token, name)
        elif name == "like":
            self._like(token)
        elif token.negated:
            raise QuerySyntaxError("a minus before not: says no twice; leave one out.", token.start)
        else:
            token = replace(token, field=None, negated=True)
            check_subtracted(token, self._cursor.ahead(_MOST_SHOWN))
            self._sections.words(token, token.text, exact=True)

    def _note_split(self, token: Token, name: str) -> None:
        """Says of the first words of a line that they stand right behind a value that they may belong to."""
        if self._read != self._behind:
            return
        words = words_behind(token, name, self._cursor.ahead(MOST_FOLLOWING))
        names_image = self._names_image
        if words and not (names_image is not None and names_image(words[0].text)):
            self._behind += len(words)
            self._note(said_of_split(token, name, words))

    def _like(self, token: Token) -> None:
        found = None
        if token.kind == "word" and self._names_image is not None:
            found = named_image(self._line, token.at, self._cursor.ahead(MOST_FOLLOWING), self._names_image)
        path, count = found or (token.text, 0)
        if not path.strip():
            raise QuerySyntaxError(
                "like: has no value; an image is named behind it, as in like:beach.jpg.", token.start
            )
        if path == "-" and self._standard_input:
            raise QuerySyntaxError("like:- is standard input, which holds one image; say it once.", token.start)
        self._standard_input |= path == "-"
        self._cursor.at += count
        self._sections.image(token, path)

    def _setting(self, token: Token, name: str) -> None:
        if token.weight is not None:
            raise QuerySyntaxError(f"{name}: has no weight; only words and images have one.", token.start)
        if token.negated:
            raise QuerySyntaxError(f"{name}: says how to answer, and has no minus before it.", token.start)
        attribute = "min_probability" if name == "min" else name
        value = at_place(token, lambda: parse_value(name, token.text))
        if getattr(self._result, attribute) not in (None, value):
            raise QuerySyntaxError(
                f"{self._settings[name]} and {name}:{token.text} say different things; give one.", token.start
            )
        self._settings[name] = f"{name}:{token.text}"
        setattr(self._result, attribute, value)

    def _brackets(self, token: Token) -> None:
        tokens, end = self._cursor.tokens, self._filters.partner(token)
        inside = tokens[self._cursor.at : end]
        if not inside:
            raise QuerySyntaxError(f"nothing stands between these brackets; {as_words('()')}.", token.start)
        if not all(each.is_bare or each.kind in ("(", ")") for each in inside):
            self._conditions.append(self._filters.brackets(token))
            return
        while tokens[end + 1].start == tokens[end].end and tokens[end + 1].is_bare:  # (1).jpg
            end += 1
        self._cursor.at = end + 1
        begin, close = token.end - 1, tokens[end].end
        self._words(Token("word", self._line[begin:close], token.start, close, begin, token.kind == "-("))

    def _misplaced_or(self, token: Token) -> str:
        tokens = self._cursor.tokens
        before, after = tokens[max(self._cursor.at - 2, 0)], tokens[self._cursor.at]
        shown, step = "(type:png | type:jpeg)", as_words(token.text)
        name = (before.field or "").lower()
        if after.kind == "word" and all(_is_filter(each) for each in (name, after.field or name)):
            shown = f"({name}:{before.text} | {after.field or name}:{after.text})"
            if name in OF_ANY_TEXT and before.end == token.start and token.end == after.start:
                value = quoted(f"{before.text}|{self._line[after.start : after.end]}")
                step = f"for one value write {name}:{value}"
        return f"{token.text} stands between filters in brackets, as in {shown}; {step}"

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

    def _finished(self) -> ParsedLine:
        result = self._result
        says_more = bool(self._conditions or self._settings)
        result.terms = self._sections.terms(says_more)
        self._note_contradictions()
        negation = said_of_negation(result.terms)
        if negation is not None and not any("to subtract" in note for note in result.notes):  # "in:2021 not dog"
            self._note(negation)
        result.where = all_of(*self._conditions) if self._conditions else None
        if not result.terms and result.where is None and result.sort is None:
            if not self._settings:
                raise EmptyQueryError('The query is empty; say what to look for, as in "a red car".')
            said = " ".join(self._settings.values())
            raise EmptyQueryError(f"{said} says how to answer; say what to look for as well, as in a red car {said}.")
        return result
