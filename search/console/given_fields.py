"""The fields of a query that were given beside its line: options of the shell (`--near Paris`), fields of a request.

search query red car --after 2021 --near Paris,5 --not people
"""

from __future__ import annotations

from search.query.fields import FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from search.query.conditions import Condition
    from search.query.query import Query
    from search.query.terms import Term

    T = TypeVar("T")

#: Of a Query, by the names of the fields that set them.
_ATTRIBUTES = {"min": "min_probability", "sort": "sort", "to": "to"}


def option_of(name: str) -> str:
    """What the shell calls a field."""
    return FIELDS[name].option


def joined(
    query: Query | None,
    given: Mapping[str, Sequence[str]],
    open_image: Callable[[str], Query],
    called: Callable[[str], str] = option_of,
) -> Query:
    """What the line says and what its fields say: all conditions have to hold, terms are added.

    `given`: values by the names of fields; `open_image`: a query by the image that `like` names; `called`: what
    sentences call a field. Raises EmptyQueryError; UsageError, which names the field; what `open_image` raises.
    """
    if not given and query is not None:
        return query
    return _Fields(query, given, open_image, called).joined()


class _Fields:
    def __init__(
        self,
        query: Query | None,
        given: Mapping[str, Sequence[str]],
        open_image: Callable[[str], Query],
        called: Callable[[str], str],
    ) -> None:
        self._query = query
        self._given = given
        self._open_image = open_image
        self._called = called

    def joined(self) -> Query:
        from search.query.conditions import all_of
        from search.query.field_tests import test_of
        from search.query.filter import Filter
        from search.query.query import Query

        query, given, called = self._query, self._given, self._called
        notes = () if query is None else (*query.notes, *self._split_places(query))
        terms: tuple[Term, ...] = () if query is None else query.terms
        conditions: list[Condition] = [] if query is None or query.where is None else [query.where.condition]
        settings = {attribute: self._setting(name) for name, attribute in _ATTRIBUTES.items()}
        for name, values in given.items():
            if FIELDS[name].role == "filter":
                conditions += [self._read(name, value, test_of) for value in values]
            elif FIELDS[name].role == "term":
                terms += tuple(self._term(name, value) for value in values)
        if terms and all(term.weight < 0 for term in terms):
            from indexer.errors import UsageError

            less = called("not")
            raise UsageError(
                f"{less} says only what is not wanted; say what is wanted as well, as in car {less} blue, or photo "
                f"{less} blue for photographs of anything."
            )
        if not terms and not conditions and settings["sort"] is None:
            from indexer.errors import EmptyQueryError

            raise EmptyQueryError('The query is empty; say what to look for, as in "a red car".')
        where = Filter.of(all_of(*conditions)) if conditions else None
        result = Query(terms=terms or None, where=where, **settings)  # type: ignore[arg-type]
        return result if query is None else result.with_notes(*notes)

    def _split_places(self, query: Query) -> tuple[str, ...]:
        """What to say of `--near new york` without quotation marks, whose "york" is words.

        Raises UsageError where the first word alone is no place.
        """
        given = self._given.get("near", [])
        words = (query.terms[0].text or "").split() if query.terms else []
        if len(given) != 1 or "," in given[0] or not words:
            return ()
        from indexer.errors import UsageError
        from search.query.place_names import MOST_WORDS, is_named, position_of

        counts = range(min(len(words), MOST_WORDS), 0, -1)
        behind = next((each for n in counts if is_named("near", f"{given[0]} {(each := ' '.join(words[:n]))}")), None)
        if behind is None:
            return ()
        option = self._called("near")
        meant = f'{option} "{given[0]} {behind}"'
        try:
            position_of(given[0])
        except UsageError:
            raise UsageError(
                f"{option}: no place is called {given[0]!r}; for the place of several words write {meant}."
            ) from None
        return (f"{behind} was taken for words; as a part of the place write {meant}.",)

    def _setting(self, name: str) -> object:
        """Raises UsageError where the line and the field say different things."""
        said = None if self._query is None else getattr(self._query, _ATTRIBUTES[name])
        if name not in self._given:
            return said
        from search.query.values import parse_value

        option = self._called(name)
        first, *others = ((text, self._read(name, text, parse_value)) for text in self._given[name])
        wrong = next((text for text, value in others if value != first[1]), None)
        if wrong is not None or said not in (None, first[1]):
            from indexer.errors import UsageError

            both = f"{name}: in the query" if wrong is None else f"{option} {wrong}"
            raise UsageError(f"{option} {first[0]} and {both} say different things; give one.")
        return first[1]

    def _read(self, name: str, text: str, read: Callable[[str, str], T]) -> T:
        """The value of a field. Raises UsageError, which names it."""
        from indexer.errors import UsageError

        try:
            return read(name, text)
        except UsageError as error:
            raise UsageError(f"{self._called(name)}: {str(error).removeprefix(f'{name}: ')}") from None

    def _term(self, name: str, text: str) -> Term:
        if name == "like":
            return self._open_image(text).terms[0]
        from indexer.errors import UsageError
        from search.query.terms import Term, Words

        words = Words.of(text, exact=True)
        if words is None:
            raise UsageError(f"{self._called(name)}: {text!r} holds no words.")
        from search.query.stop_words import says_nothing

        if says_nothing(text):
            raise UsageError(
                f"{self._called(name)}: {text!r} alone says nothing of a picture; put several words between quotation "
                f'marks, as in {self._called(name)} "a dog".'
            )
        return Term((words,), weight=-1.0)
