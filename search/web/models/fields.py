"""The query language, for completion and help."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from indexer.images.sniff import IMAGE_SUFFIXES
from search.query.examples import EXAMPLES
from search.query.fields import FIELDS
from search.query.values import CHOICES
from search.web.models.base import Model


class QueryField(Model):
    """One field of the query language."""

    name: str = Field(description="Before its colon.")
    role: Literal["filter", "term", "setting"] = Field(
        description="It keeps photographs out, adds or subtracts a term, or says how to answer."
    )
    value: str = Field(description="What it takes.")
    says: str
    example: list[str] = Field(description="Values, as they are typed.")
    choices: list[str] | None = Field(None, description="Of a field with a list of values: all of them.")
    listed: bool = Field(description="Whether `/values` lists what the store has for it.")


class Example(Model):
    """A line of the query language."""

    line: str
    says: str
    names_file: bool = Field(description="It names an image file, which the command line alone reads.")


class Language(Model):
    """Fields and example lines."""

    fields: list[QueryField]
    examples: list[Example]


def language(listed: frozenset[str]) -> Language:
    """That of this version. `listed`: the fields whose values a store can list."""
    return Language(
        fields=[
            QueryField(
                name=field.name,
                role=field.role,
                value=field.value,
                says=field.says,
                example=field.example.split("  "),
                choices=list(CHOICES[field.name]) if field.name in CHOICES else None,
                listed=field.name in listed,
            )
            for field in FIELDS.values()
        ],
        examples=[Example(line=line, says=said, names_file=_names_file(line)) for line, said in EXAMPLES],
    )


def _names_file(line: str) -> bool:
    return any(word.lower().endswith(tuple(IMAGE_SUFFIXES)) and ":" not in word for word in re.split(r"\s+", line))
