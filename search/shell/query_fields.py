"""The fields of the query language as options of `search query`, made from `search/query/fields.py`. Light.

search query red car --after 2021 --near Paris,5 --not people
"""

from __future__ import annotations

from search.query.fields import FIELDS, Field
from search.shell.options import Option, Options, option

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
    examples = [each for each in field.example.split("  ") if each not in field.says]
    shown = [
        f"'{each}'" if any(char in "<>*" for char in each) else each for each in examples
    ]  # a shell would act on them
    named = [f"in QUERY {field.name}:"] if field.is_called_otherwise else []
    told = [*([" or ".join(shown)] if shown else []), *named]
    row: Option = option(
        field.option,
        metavar=field.value,
        help=f"{field.says[:-1]} ({'; '.join(told)})." if told else field.says,
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
