"""What facts and words are derived from: of each photograph the rows of its item, its file and its metadata, and what
other files say of it. Read once for both.

The statements are put together once, and take any number of ids as one value: a batch of 16 photographs is derived in
five statements, where putting them together would cost more than running them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, select, union

from indexer.catalog import stored
from indexer.catalog.column_types import PathType
from indexer.catalog.derivation import Fact, fact_of
from indexer.catalog.expressions import given_numbers, off_index
from indexer.catalog.photographs import metadata_of
from indexer.catalog.possible import is_possible
from indexer.catalog.schema import fact, file, item, photo
from indexer.catalog.statements import chunks
from indexer.catalog.transaction import Part
from indexer.edited_names import edited_between, may_be_edited_of, original_among, originals_between
from indexer.errors import StoreDamagedError

#: Photographs that are read at once.
PAGE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Source:
    """A photograph: the ids of its item and file, its path, and what is said of it; `captions`: its own, then those of
    other files, each once. `fact`: what is derived of it. `is_known`: a fact of it is kept."""

    item_id: int
    file_id: int
    path: str
    fact: Fact
    captions: tuple[str, ...]
    keywords: tuple[str, ...]
    is_known: bool


class Sources(Part):
    """Photographs, with what is derived of them, a page at a time."""

    def changed(
        self, files: Iterable[int], contents: Iterable[int], paths: Iterable[str], told: Iterable[str] = ()
    ) -> Iterator[list[Source]]:
        """Those in these files, with these contents, at these paths, and those that these files speak of; `told`: the
        paths of which a JSON beside them said something. What it says it says of edited forms too."""
        of_files, of_contents = set(files), sorted(contents)
        of_these = self._read(_about(), {"ids": json.dumps(sorted(of_files))}).scalars()
        abouts = {*told, *of_these}
        for about in sorted(abouts):
            of_files.update(self._edited_of(about))
        for some in chunks(sorted({*paths, *abouts})):
            of_files.update(self._read(_AT, {"paths": some}).scalars())
        ids = sorted(of_files)
        for start in range(0, max(len(ids), len(of_contents)), PAGE):
            some_files, some_contents = ids[start : start + PAGE], of_contents[start : start + PAGE]
            yield self._sources(_changed(), {"files": json.dumps(some_files), "contents": json.dumps(some_contents)})

    def of_items(self, ids: Sequence[int]) -> Iterator[list[Source]]:
        """Those of these ids."""
        for start in range(0, len(ids), PAGE):
            yield self._sources(_of_items(), {"ids": json.dumps([int(each) for each in ids[start : start + PAGE]])})

    def pages(self) -> Iterator[list[Source]]:
        """All of them, by the ids of their items."""
        last = 0
        while page := self._sources(_following(), {"last": last, "most": PAGE}):
            yield page
            last = page[-1].item_id

    def _sources(self, statement: Select[Any], bound: dict[str, Any]) -> list[Source]:
        rows = {row.item_id: row for row in self._read(statement, bound)}  # of two files that tell, the newer
        told, originals = self._told(rows), self._said_of_originals(rows.values())
        return [_source(row, told.get(number, ()), originals.get(row.path)) for number, row in rows.items()]

    def _said_of_originals(self, rows: Iterable[Any]) -> dict[str, str]:
        """By the paths of edited photographs of which no file says anything, what one says of their originals."""
        found: dict[str, str] = {}
        for path in (row.path for row in rows if row.said is None):
            said: dict[str, str] = {}
            for first, end in originals_between(path):
                said |= {row.about: row.said for row in self._read(_SAID, {"first": first, "end": end})}
            original = original_among(path, said)
            if original is not None:
                found[path] = said[original]
        return found

    def _edited_of(self, about: str) -> Iterator[int]:
        """Row ids of the files that edited forms of the photograph at `about` lie in."""
        for first, end in edited_between(about):
            for row in self._read(_BETWEEN, {"first": first, "end": end}):
                if may_be_edited_of(row.path, about):
                    yield row.id

    def _told(self, item_ids: Collection[int]) -> dict[int, list[str]]:
        """What other files say of photographs."""
        found: defaultdict[int, list[str]] = defaultdict(list)
        if item_ids:
            for number, text in self._read(_told(), {"ids": json.dumps(list(item_ids))}):
                found[number].append(text)
        return found


def _sources_where(which: Any) -> Select[Any]:
    """Rows of photographs: what they say where that is what was written, and what files beside them say that are
    there."""
    return (
        select(
            item.c.id.label("item_id"),
            item.c.file_id,
            file.c.path,
            file.c.size,
            file.c.mtime_ns,
            file.c.ctime_ns,
            _beside.c.said,
            fact.c.item_id.label("known"),
            photo,
        )
        .join(file, file.c.id == item.c.file_id)
        .join(_beside, and_(_beside.c.about == file.c.path, _beside.c.state == "present"), isouter=True)
        .join(photo, and_(photo.c.content_id == item.c.content_id, is_possible(photo)), isouter=True)
        .join(fact, fact.c.item_id == item.c.id, isouter=True)
        .where(item.c.id.in_(which), off_index(item.c.kind) == "image")
        .order_by(item.c.id, _beside.c.id)
    )


def _of_files_at(paths: Select[Any]) -> Select[Any]:
    return select(_some.c.id).join(_own, _own.c.id == _some.c.file_id).where(_own.c.path.in_(paths))


_beside, _own, _some, _text = file.alias("beside"), file.alias("own"), item.alias("some"), item.alias("telling")
_AT: Final = select(file.c.id).where(file.c.path.in_(bindparam("paths", expanding=True)))
_FIRST, _END = bindparam("first", type_=PathType), bindparam("end", type_=PathType)
_BETWEEN: Final = select(file.c.id, file.c.path).where(file.c.path >= _FIRST, file.c.path < _END)
#: Of photographs between two paths, what files beside them say; of two that tell, the newer.
_SAID: Final = (
    select(file.c.about, file.c.said)
    .where(file.c.about >= _FIRST, file.c.about < _END, file.c.state == "present", file.c.said.is_not(None))
    .order_by(file.c.id)
)


@cache  # and not when the file is imported, as every query does
def _changed() -> Select[Any]:
    """Photographs in `files`, with `contents`, and those of which a file beside them, or texts, in `files` tell."""
    files, contents = given_numbers("files"), given_numbers("contents")
    beside = select(_beside.c.about).where(_beside.c.id.in_(files), _beside.c.about.is_not(None))
    texts = select(_text.c.about).where(_text.c.file_id.in_(files), _text.c.about.is_not(None))
    return _sources_where(
        union(
            select(_some.c.id).where(_some.c.file_id.in_(files)),
            select(_some.c.id).where(_some.c.content_id.in_(contents)),
            _of_files_at(beside),
            _of_files_at(texts),
        )
    )


@cache
def _about() -> Select[Any]:
    """What files among `ids` speak of as a whole."""
    return select(file.c.about).where(file.c.id.in_(given_numbers("ids")), file.c.about.is_not(None))


@cache
def _of_items() -> Select[Any]:
    return _sources_where(given_numbers("ids"))


@cache
def _following() -> Select[Any]:
    """The next `most` behind `last`."""
    ids = select(_some.c.id).where(_some.c.id > bindparam("last"), off_index(_some.c.kind) == "image")
    return _sources_where(ids.order_by(_some.c.id).limit(bindparam("most")))


@cache
def _told() -> Select[Any]:
    """Texts of other files that are there, with the photographs among `ids` that they are about."""
    return (
        select(_some.c.id, _text.c.text)
        .join(_own, _own.c.id == _some.c.file_id)
        .join(
            _text, and_(_text.c.about == _own.c.path, off_index(_text.c.kind) == "text", _text.c.file_id != _own.c.id)
        )
        .join(_beside, and_(_beside.c.id == _text.c.file_id, _beside.c.state == "present"))
        .where(_some.c.id.in_(given_numbers("ids")), _text.c.text != "")
        .order_by(_text.c.id)
    )


def _source(row: Any, told: Sequence[str], said_of_original: str | None) -> Source:
    said = metadata = None
    with suppress(StoreDamagedError):
        metadata = metadata_of(row)
    with suppress(StoreDamagedError):
        said = stored.said(row.said if said_of_original is None else said_of_original)
    own, keywords = ((), ()) if metadata is None else (metadata.captions, metadata.keywords)
    return Source(
        row.item_id,
        row.file_id,
        row.path,
        fact_of(row.path, row.size, row.mtime_ns, said, metadata, row.ctime_ns),
        tuple(dict.fromkeys((*own, *told))),
        keywords,
        row.known is not None,
    )
