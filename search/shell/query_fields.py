"""The fields of the query language as options of `search query`, made from `search/query/fields.py`. Light.

search query red car --after 2021 --near Paris,5 --not people
"""

from __future__ import annotations

from search.query.fields import FIELDS, Field
from search.shell.options import Option, Options, option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from search.query.conditions import Condition
    from search.query.query import Query
    from search.query.terms import Term

    T = TypeVar("T")

#: Of a field's attribute: fields are called `in`, `not` and `id`.
_PREFIX = "field_"

#: The headings of the help, and the fields below each.
_HEADINGS = {
    "Answers": "min sort to",
    "More or less of what is meant": "like not",
    "When": "in after before year month weekday time date",
    "Where": "near country",
    "Camera": "camera lens",
    "File": "path name type size width height megapixels orientation id",
    "What is said of it": "has text keyword tag",
}
_GROUPS = {name: group for group, names in _HEADINGS.items() for name in names.split()}


def _row(field: Field) -> Option:
    told = [each for each in field.example.split("  ") if each not in field.says]
    shown = [f"'{each}'" if any(char in "<>*" for char in each) else each for each in told]  # a shell would act on them
    row: Option = option(
        field.option,
        metavar=field.value,
        help=f"{field.says[:-1]} ({' or '.join(shown)})." if shown else field.says,
        group=_GROUPS[field.name],
    )
    return row


class FieldOptions(Options):
    """`field_in`, `field_near` ...: a row each. All may be repeated, settings where they say one thing."""


for _name in _GROUPS:
    setattr(FieldOptions, f"{_PREFIX}{_name}", _row(FIELDS[_name]))
FieldOptions.__annotations__ = {f"{_PREFIX}{name}": "list[str] | None" for name in _GROUPS}


def given_fields(options: Options) -> dict[str, list[str]]:
    """What was given, by the names of the fields."""
    given = {name: getattr(options, f"{_PREFIX}{name}") for name in FIELDS}
    return {name: values for name, values in given.items() if values}


def joined(query: Query | None, given: dict[str, list[str]]) -> Query:
    """What the line says and what its options say: all conditions have to hold, terms are added.

    Raises UsageError, which names the option; what opening an image raises.
    """
    if not given and query is not None:
        return query
    from search.query.conditions import all_of
    from search.query.field_tests import test_of
    from search.query.filter import Filter
    from search.query.query import Query

    notes = () if query is None else (*query.notes, *_split_places(query, given.get("near", [])))
    terms: tuple[Term, ...] = () if query is None else query.terms
    conditions: list[Condition] = [] if query is None or query.where is None else [query.where.condition]
    settings = {attribute: _setting(name, given, query) for name, attribute in _ATTRIBUTES.items()}
    for name, values in given.items():
        if FIELDS[name].role == "filter":
            conditions += [_read(name, value, test_of) for value in values]
        elif FIELDS[name].role == "term":
            terms += tuple(_term(name, value) for value in values)
    if terms and all(term.weight < 0 for term in terms):
        from indexer.errors import UsageError

        raise UsageError(
            "--not says only what is not wanted; say what is wanted as well, as in car --not blue, or photo --not blue "
            "for photographs of anything."
        )
    if not terms and not conditions and settings["sort"] is None:
        from indexer.errors import EmptyQueryError

        raise EmptyQueryError('The query is empty; say what to look for, as in "a red car".')
    where = Filter.of(all_of(*conditions)) if conditions else None
    result = Query(terms=terms or None, where=where, **settings)  # type: ignore[arg-type]
    return result if query is None else result.with_notes(*notes)


def _split_places(query: Query, given: list[str]) -> tuple[str, ...]:
    """What to say of `--near new york` without quotation marks, whose "york" is words.

    Raises UsageError where the first word alone is no place.
    """
    words = (query.terms[0].text or "").split() if query.terms else []
    if len(given) != 1 or "," in given[0] or not words:
        return ()
    from indexer.errors import UsageError
    from search.query.place_names import MOST_WORDS, is_named, position_of

    counts = range(min(len(words), MOST_WORDS), 0, -1)
    behind = next((each for n in counts if is_named("near", f"{given[0]} {(each := ' '.join(words[:n]))}")), None)
    if behind is None:
        return ()
    meant = f'--near "{given[0]} {behind}"'
    try:
        position_of(given[0])
    except UsageError:
        raise UsageError(
            f"--near: no place is called {given[0]!r}; for the place of several words write {meant}."
        ) from None
    return (f"{behind} was taken for words; as a part of the place write {meant}.",)


#: Of a Query, by the names of the fields that set them.
_ATTRIBUTES = {"min": "min_probability", "sort": "sort", "to": "to"}


def _setting(name: str, given: dict[str, list[str]], query: Query | None) -> object:
    """Raises UsageError where the line and the option say different things."""
    said = None if query is None else getattr(query, _ATTRIBUTES[name])
    if name not in given:
        return said
    from search.query.values import parse_value

    option = FIELDS[name].option
    first, *others = ((text, _read(name, text, parse_value)) for text in given[name])
    wrong = next((text for text, value in others if value != first[1]), None)
    if wrong is not None or said not in (None, first[1]):
        from indexer.errors import UsageError

        both = f"{name}: in the query" if wrong is None else f"{option} {wrong}"
        raise UsageError(f"{option} {first[0]} and {both} say different things; give one.")
    return first[1]


def _read(name: str, text: str, read: Callable[[str, str], T]) -> T:
    """The value of an option, as the field of its name reads it. Raises UsageError, which names the option."""
    from indexer.errors import UsageError

    try:
        return read(name, text)
    except UsageError as error:
        raise UsageError(f"{FIELDS[name].option}: {str(error).removeprefix(f'{name}: ')}") from None


def _term(name: str, text: str) -> Term:
    if name == "like":
        from search.shell.query_argument import open_image

        return open_image(text).terms[0]
    from indexer.errors import UsageError
    from search.query.terms import Term, Words

    words = Words.of(text, exact=True)
    if words is None:
        raise UsageError(f"{FIELDS[name].option}: {text!r} holds no words.")
    from search.query.stop_words import says_nothing

    if says_nothing(text):
        raise UsageError(
            f"{FIELDS[name].option}: {text!r} alone says nothing of a picture; put several words between quotation "
            f'marks, as in {FIELDS[name].option} "a dog".'
        )
    return Term((words,), weight=-1.0)
