"""What a store has: values of fields, and when photographs were taken."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from search.calls.field_values import FieldValue
from search.calls.tallying import DateCount
from search.web.models.base import Model
from search.web.shown import as_text


class Value(Model):
    """A value of a field, with the photographs that have it."""

    value: str = Field(description="For people.")
    count: int = Field(description="Photographs that have it, copies of one as one.")
    query: str = Field(description="How the query language asks for it; it may find more, as a part of a longer name.")

    @classmethod
    def of(cls, found: FieldValue) -> Value:
        """As a library has it."""
        return cls(value=as_text(found.value), count=found.count, query=as_text(found.query))


class Bar(Model):
    """Photographs of one year, month or day."""

    start: date = Field(description="Its first day.")
    count: int = Field(description="Copies of one photograph are one.")
    query: str = Field(description="How the query language asks for it.")

    @classmethod
    def of(cls, found: DateCount) -> Bar:
        """As a library has it."""
        return cls(start=found.start, count=found.count, query=found.query)
