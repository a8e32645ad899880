"""A line that a client sent becomes a query: it may name items and uploads, and no file of this machine."""

from __future__ import annotations

import re
from typing import Final

from indexer.errors import EmptyQueryError, UsageError
from search.console.given_fields import joined
from search.query.fields import FIELDS
from search.query.filter import Filter
from search.query.query import Query, short
from search.query.terms import Term
from search.web.models.answers import Asked
from search.web.settings import Limits
from search.web.uploads import Uploads

_UPLOAD: Final = re.compile(r"upload:([0-9a-f]{32})")
_ITEM: Final = re.compile(r"#(\d{1,18})")


class Asking:
    """Reads lines of the query language (docs/query-language.md): in them `like:#12` is the photograph of that id,
    `like:upload:NAME` one that was uploaded."""

    def __init__(self, uploads: Uploads, limits: Limits) -> None:
        self._uploads = uploads
        self._limits = limits

    def query_of(self, asked: Asked) -> Query:
        """What a request asks for. Raises as `query` does."""
        line = None if asked.field and not asked.q.strip() else self.query(asked.q, as_words=asked.as_words)
        query = joined(line, _given(asked.field), self._image, str)
        return query.narrowed(Filter.parse(asked.where)) if asked.where and asked.where.strip() else query

    def query(self, line: str, *, as_words: bool = False) -> Query:
        """`as_words`: it is words, whatever they look like. Raises UsageError, EmptyQueryError, and ProblemError for an
        upload that is gone."""
        if len(line) > self._limits.query_characters:
            raise UsageError(
                f"The query has {len(line):,} characters, more than {self._limits.query_characters:,}; say it shorter."
            )
        if not line.strip():
            raise EmptyQueryError('The query is empty; say what to look for, as in "a red car".')
        if as_words:
            return Query(line)
        return Query.parse(line, open_image=self._image)

    def _image(self, name: str) -> Query:
        if found := _ITEM.fullmatch(name):
            return Query(terms=(Term(item=int(found[1])),))
        if found := _UPLOAD.fullmatch(name):
            return Query(terms=(Term(image_bytes=self._uploads.get(found[1]), name=name),))
        if name.startswith("#"):
            raise UsageError(f"like:{short(name)} names no photograph; take its number from the `id` of an answer.")
        if name.startswith("upload:"):
            raise UsageError(f"like:{short(name)} names no upload; take the name that POST /uploads answered with.")
        raise UsageError(
            f"like:{short(name)} names a file, which a server opens for nobody; upload the image, and ask with "
            "like:upload:NAME, or with like:#ID of a photograph that is indexed."
        )


def _given(fields: list[str]) -> dict[str, list[str]]:
    """Values by the names of fields. Raises UsageError."""
    given: dict[str, list[str]] = {}
    for each in fields:
        name, _, value = each.partition(":")
        if name not in FIELDS or not value:
            raise UsageError(f"`field` takes a field and its value, as in near:Paris, not {short(each)!r}.")
        given.setdefault(name, []).append(value)
    return given
