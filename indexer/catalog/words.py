"""Words: what is said of each photograph, kept as words that a query finds.

Captions (its own, those of files beside it and of tables), keywords, the names of its file and folders, its place. A
row is derived from the rows of other tables, in the transaction that changes them; `make_all` makes all of them anew.
"""

from __future__ import annotations

import os
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any, NamedTuple

from sqlalchemy import Executable, or_, select

from indexer.catalog import full_text, stored
from indexer.catalog.meta import WORDS, Meta
from indexer.catalog.schema import fact, file, item, photo
from indexer.catalog.sqlite import off_index
from indexer.catalog.statements import chunks, id_chunks
from indexer.catalog.transaction import Part
from indexer.errors import StoreDamagedError
from indexer.words import column, name_parts

#: Version of the rules by which rows are made, here and in `indexer.words`: with another one, all are made anew by
#: whoever writes next.
RULES = 1
#: Tokens that are kept of each column: captions are a few sentences, and a table may bring a thousand.
MOST_SAID, MOST_NAMED = 2_000, 100
#: Folders above a file whose names count.
FOLDERS = 3
#: What stands for the table of words in `Transaction.left_out`.
DAMAGED = (full_text.TABLE, 0)
_ROWS = 5_000


class WordRow(NamedTuple):
    """What is kept of one photograph: in each column tokens, with a space between each two."""

    captions: str
    keywords: str
    name: str
    folders: str
    place: str

    @property
    def said(self) -> tuple[str, str, str]:
        """The columns that say what is in the picture, or where it was taken; names of files may say anything."""
        return self.captions, self.keywords, self.place


class Words(Part):
    """Words by item."""

    # -- reading --------------------------------------------------------------------------------------------

    def best(self, expression: str, most: int) -> list[tuple[int, float]]:
        """The rows that match an expression of `full_text`, the best first: item id, and BM25 (higher is better);
        hidden photographs among them."""
        bound = {"words": expression, "most": most}
        return [(number, -rank) for number, rank in self._rows(full_text.BEST, bound)]

    def newest(self, expression: str, most: int) -> list[int]:
        """Item ids of the rows that match, the newest first; hidden photographs among them."""
        return [number for (number,) in self._rows(full_text.NEWEST, {"words": expression, "most": most})]

    def count(self, expression: str, most: int) -> int:
        """How many rows match; `most` where there are more."""
        return next((number for (number,) in self._rows(full_text.COUNT, {"words": expression, "most": most})), 0)

    def of_items(self, ids: Sequence[int]) -> dict[int, WordRow]:
        """What is kept of these photographs."""
        found: dict[int, WordRow] = {}
        for chunk in id_chunks(ids):
            for number, *columns in self._rows(full_text.ROWS, {"ids": chunk}):
                found[number] = WordRow(*("" if value is None else str(value) for value in columns))
        return found

    def _rows(self, statement: Executable, bound: dict[str, Any]) -> list[Any]:
        """What a statement gives; nothing where the table is damaged, which `Transaction.left_out` tells then."""
        if DAMAGED in self._transaction.left_out:
            return []
        found = full_text.rows(self._transaction.connection, statement, bound)
        if found is None and self._is_there():
            self._leave_out(DAMAGED[0], [DAMAGED[1]])
        return found or []

    def _is_there(self) -> bool:
        """Not in an older store that cannot be written."""
        return bool(self._read(full_text.IS_THERE).scalar())

    # -- writing --------------------------------------------------------------------------------------------

    def refresh(self, file_ids: Set[int], content_ids: Set[int], paths: Set[str]) -> None:
        """Make the rows of photographs as they should be: of those in these files, with these contents, at these
        paths, and of those that texts of these files are about."""
        for chunk in id_chunks(sorted(file_ids)):
            told = select(item.c.about).where(item.c.file_id.in_(chunk), off_index(item.c.kind) == "text")
            self._make(self._images(or_(file.c.id.in_(chunk), file.c.path.in_(told))))
        for chunk in id_chunks(sorted(content_ids)):
            self._make(self._images(file.c.content_id.in_(chunk)))
        for some in chunks(sorted(paths)):
            self._make(self._images(file.c.path.in_(some)))

    def make_all(self) -> None:
        """Make the table anew, whatever state it is in."""
        connection = self._transaction.connection
        full_text.drop(connection)
        full_text.make(connection)
        for ids in self._pages():
            self._write_rows((number, row) for number, row in self._made(ids).items() if any(row))
        Meta(self._transaction).set(WORDS, str(RULES))

    def are_of_these_rules(self) -> bool:
        """Whether they were kept by the rules of this version."""
        return Meta(self._transaction).get(WORDS) == str(RULES)

    def forget_deleted(self) -> None:
        """Leave nothing of the words that were deleted."""
        self._write(full_text.REBUILD)

    def are_right(self) -> bool:
        """Whether the rows are what they should be, and the index holds their tokens. Makes every row."""
        tokens_of_rows = 0
        for ids in self._pages():
            made, there = self._made(ids), self.of_items(ids)
            if any(there.get(number, _NONE) != row for number, row in made.items()):
                return False
            tokens_of_rows += sum(_sum(token) for row in made.values() for kept in row for token in kept.split())
        indexed = full_text.vocabulary(self._transaction.connection)
        return indexed is not None and sum(_sum(token) * count for token, count in indexed) == tokens_of_rows

    def _pages(self) -> Iterator[list[int]]:
        """Ids of all photographs, ascending, a page at a time."""
        last = 0
        while True:
            following = select(item.c.id).where(item.c.id > last, off_index(item.c.kind) == "image")
            ids = list(self._read(following.order_by(item.c.id).limit(_ROWS)).scalars())
            if not ids:
                return
            yield ids
            last = ids[-1]

    def _images(self, which: Any) -> list[int]:
        statement = select(item.c.id).join(file, file.c.id == item.c.file_id)
        return list(self._read(statement.where(off_index(item.c.kind) == "image", which)).scalars())

    def _make(self, ids: Sequence[int]) -> None:
        for chunk in id_chunks(ids):
            there = self.of_items(chunk)
            self._write_rows(
                (number, row) for number, row in self._made(chunk).items() if there.get(number, _NONE) != row
            )

    def _write_rows(self, rows: Iterable[tuple[int, WordRow]]) -> None:
        values = [{"id": number, **row._asdict()} for number, row in rows]
        if values:
            self._write(full_text.WRITE, values)

    def _made(self, ids: Sequence[int]) -> dict[int, WordRow]:
        """The rows of photographs as they should be."""
        made: dict[int, WordRow] = {}
        for chunk in id_chunks(ids):
            columns = (item.c.id, file.c.id.label("file_id"), file.c.path, photo.c.captions)
            others = (photo.c.keywords, fact.c.city, fact.c.country)
            statement = select(*columns, *others).join(file, file.c.id == item.c.file_id)
            statement = statement.join(fact, fact.c.item_id == item.c.id, isouter=True)
            statement = statement.join(photo, photo.c.content_id == item.c.content_id, isouter=True)
            rows = self._read(statement.where(item.c.id.in_(chunk))).all()
            told = self._texts({row.path: row.file_id for row in rows})
            for row in rows:
                captions = dict.fromkeys((*_list(row.captions), *told[row.path]))
                folders = os.path.dirname(row.path).split(os.sep)[-FOLDERS:]
                name = os.path.splitext(os.path.basename(row.path))[0]
                made[row.id] = WordRow(
                    column(captions, MOST_SAID),
                    column(_list(row.keywords), MOST_SAID),
                    column(map(name_parts, (name,)), MOST_NAMED),
                    column(map(name_parts, folders), MOST_NAMED),
                    column(_place(row.city, row.country), MOST_NAMED),
                )
        return made

    def _texts(self, files: dict[str, int]) -> defaultdict[str, list[str]]:
        """What other files say of photographs, by the paths of these; `files`: their own."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        columns = (item.c.about, item.c.text, item.c.file_id)
        statement = select(*columns).join(file, file.c.id == item.c.file_id)
        for some in chunks(list(files)):
            of_some = (item.c.about.in_(some), off_index(item.c.kind) == "text", file.c.state == "present")
            for about, text, file_id in self._read(statement.where(*of_some).order_by(item.c.id)):
                if file_id != files[about] and text:
                    found[about].append(text)
        return found


_NONE = WordRow("", "", "", "", "")


def _sum(token: str) -> int:
    return zlib.crc32(token.encode("utf-8", "surrogatepass"))


def _place(city: object, country: object) -> tuple[str, ...]:
    """The words for where a photograph was taken."""
    if not isinstance(city, int):
        city = None
    if not isinstance(country, str):
        return ()
    from indexer.places.gazetteer import places  # brings a table, which only photographs with a position need

    return places().words(city, country)


def _list(value: object) -> tuple[str, ...]:
    """A list of texts of a photograph; none where it is damaged."""
    try:
        return () if value is None else stored.texts(value, "")
    except StoreDamagedError:
        return ()
