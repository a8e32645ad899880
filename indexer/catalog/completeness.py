"""What a catalog should hold and does not: what files gave, and references, compared with what is there.

The rules stand here once: `Completeness` counts what breaks them, `mending.py` mends it. They judge rows that are whole
(`rows.py`); a database can lose some without a word, when a page that says which others there are is damaged.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from indexer.catalog.bounds import HIGHEST
from indexer.catalog.items import TOTAL
from indexer.catalog.meta import ENCODER, GENERATION, STORE, Meta
from indexer.catalog.schema import content, encoder, file, item, photo, root, tombstone, vector
from indexer.catalog.statements import bounds
from indexer.catalog.stored import whole_number
from indexer.catalog.transaction import Part
from indexer.text import text_digest
from indexer.types import KINDS

#: Texts that are compared with the digest of their content at once.
PAGE: Final = 10_000

_OWN: Final = item.c.file_id == file.c.id
_HOLDS_PHOTO: Final[ColumnElement[bool]] = and_(file.c.role == "image", file.c.content_id.is_not(None))
_OF_CONTENT: Final = content.c.id == file.c.content_id

#: A size that no file has: whatever the disk says, the next run reads the file.
TO_READ: Final = -1

#: Of files: the photograph is known, and cannot be found.
LACKS_IMAGE: Final = and_(_HOLDS_PHOTO, ~exists().where(_OWN, item.c.kind == "image"))
#: Of files: what is found is another photograph than is recorded.
SHOWS_OTHER: Final = and_(
    _HOLDS_PHOTO, exists().where(_OWN, item.c.kind == "image", item.c.content_id != file.c.content_id)
)
#: Of files: the content that is recorded is of other bytes.
HOLDS_OTHER: Final = exists().where(_OF_CONTENT, file.c.digest.is_not(None), content.c.digest != file.c.digest)
#: Of files: more or fewer items are there than it gave, and it is not to be read anyway.
MISCOUNTED: Final = and_(
    file.c.size >= 0,
    func.coalesce(file.c.item_count, 0) != select(func.count()).select_from(item).where(_OWN).scalar_subquery(),
)
#: Of files that can be found: the next run reads them, though they need not have changed.
WAITING: Final = and_(
    file.c.state == "present",
    file.c.reason.is_(None),
    or_(
        file.c.size < 0,
        and_(file.c.role == "image", file.c.content_id.is_(None)),
        and_(_HOLDS_PHOTO, ~exists().where(photo.c.content_id == file.c.content_id)),
    ),
)


class Completeness(Part):
    """Counts of what is missing or does not fit."""

    def gaps(self) -> list[str]:
        """What is missing or mistaken and has to be mended, a sentence each; none when nothing is.

        Of an older store that cannot be written, and did not count, only what it can say.
        """
        found = {
            "{:,} photographs are known and cannot be found": self._files(LACKS_IMAGE),
            "{:,} files show another photograph than theirs": self._files(SHOWS_OTHER),
            "{:,} files are taken for other ones": self._files(HOLDS_OTHER),
            "{:,} texts are taken for other ones": sum(1 for _ in self.other_texts()),
            "{:,} totals are wrong": len(self.wrong_totals()),
            "{:,} values of the whole store are missing or impossible": len(self.wrong_values()),
        }
        if self._transaction.keeps_sums(file):
            found["of {:,} files something is missing that they gave"] = self._files(and_(MISCOUNTED, ~LACKS_IMAGE))
        return [problem.format(count) for problem, count in found.items() if count]

    def waiting(self) -> int:
        """How many files the next run reads again, because of what is missing."""
        return self._files(WAITING)

    def without_root(self) -> tuple[int, str | None]:
        """How many files can be found and lie below no indexed folder, and the path of the first."""
        path, outside = file.c.path, list[ColumnElement[bool]]()
        start: ColumnElement[bool] = path.is_not(None)
        high = b""
        for folder in sorted(self._read(select(root.c.path)).scalars(), key=os.fsencode):
            low, end = bounds(folder)
            if os.fsencode(folder) < high:
                continue  # inside the one before
            outside += [and_(start, path < folder), and_(path > folder, path <= low)]
            start, high = path >= end, os.fsencode(end)
        total, first = 0, list[str]()
        for which in (*outside, start):
            found = self._read(select(func.count(), func.min(path)).where(file.c.state == "present", which)).one()
            total += found[0]
            first += found[1:] if found[0] else ()
        return total, min(first, key=os.fsencode, default=None)

    def other_texts(self) -> Iterator[int]:
        """Row ids of the texts that are not those of their content. Reads all texts, a page at a time."""
        position = -1
        while True:
            statement = (
                select(item.c.id, item.c.text, content.c.digest)
                .join(content, content.c.id == item.c.content_id)
                .where(item.c.id > position, item.c.kind == "text")
                .order_by(item.c.id)
                .limit(PAGE)
            )
            rows = self._read(statement).all()
            for number, text, digest in rows:
                if not isinstance(text, str) or text_digest(text) != digest:
                    yield number
            if len(rows) < PAGE:
                return
            position = rows[-1].id

    def totals(self) -> dict[str, int]:
        """How many items of a kind there are, by the key under which the number is kept."""
        count = select(func.count()).select_from(item)
        return {f"{TOTAL}{kind}": self._read(count.where(item.c.kind == kind)).scalar_one() for kind in KINDS}

    def wrong_totals(self) -> dict[str, int]:
        """How many items of a kind there are, by its key, where another number is kept."""
        meta = Meta(self._transaction)
        return {key: count for key, count in self.totals().items() if meta.get(key) not in (None, str(count))}

    def highest_generation(self) -> int:
        """That of the newest change."""
        highest = 0
        for table in (item, tombstone):
            found = self._read(select(func.max(table.c.generation)).where(table.c.generation < HIGHEST)).scalar()
            highest = max(highest, found if isinstance(found, int) else 0)
        return highest

    def wrong_values(self) -> list[str]:
        """Keys of single values that are missing or impossible."""
        meta, wrong = Meta(self._transaction), []
        if not meta.get(STORE):
            wrong.append(STORE)
        generation = whole_number(meta.get(GENERATION))
        if generation is None or not self.highest_generation() <= generation < HIGHEST - 1:  # it has to grow
            wrong.append(GENERATION)
        active = meta.get(ENCODER)
        known = set(self._read(select(encoder.c.id)).scalars())
        named = whole_number(active)
        used = self._read(select(vector.c.encoder_id).limit(1)).scalar()
        if (active is not None and named not in known) or (active is None and used is not None):
            wrong.append(ENCODER)
        return wrong

    def _files(self, which: ColumnElement[bool]) -> int:
        return self._read(select(func.count()).select_from(file).where(which)).scalar_one()
