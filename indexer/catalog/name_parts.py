"""The index of parts of names (`full_text_names.py`): made, judged, and which parts are rare."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sqlalchemy import func, select

from indexer.catalog.full_text_names import parts_of
from indexer.catalog.schema import fact
from indexer.catalog.statements import id_chunks
from indexer.catalog.transaction import Part
from indexer.catalog.vectors import spread

#: Names that are read at once to be judged.
_PAGE: Final = 5_000
#: Names that tell which parts are common, and how many of them hold such a part: "img" leads to nearly all rows.
_SAMPLE: Final = 200
_COMMON: Final = 40


class NameParts(Part):
    """Parts of the names of files."""

    def is_there(self) -> bool:
        """Not in an older store that cannot be written."""
        return self._transaction.names.is_there(self._transaction.connection)

    def rare(self, text: str) -> set[str]:
        """The parts of `text` that not many names hold, as far as a sample tells; empty where all are common."""
        parts = parts_of(text)
        if not parts:
            return parts
        highest = self._read(select(func.max(fact.c.item_id))).scalar() or 0
        held: Counter[str] = Counter()
        for chunk in id_chunks(spread(highest, _SAMPLE).tolist()):
            for name in self._read(select(fact.c.name).where(fact.c.item_id.in_(chunk))).scalars():
                held.update(parts & parts_of(name))
        return {part for part in parts if held[part] < _COMMON}

    def make_all(self) -> None:
        """Make it anew, whatever state it is in."""
        self.drop()
        self.make()

    def drop(self) -> None:
        """Let go of it, whatever state it is in."""
        self._transaction.names.drop(self._transaction.connection)

    def make(self) -> None:
        """Make it, of the names that are there."""
        self._transaction.names.make(self._transaction.connection)

    def forget_deleted(self) -> None:
        """Leave nothing of the names that were deleted."""
        self._transaction.names.rebuild(self._transaction.connection)

    def are_right(self) -> bool:
        """Whether it holds the parts of all names, and nothing else. Reads every name."""
        counts: Counter[str] = Counter()
        sums: Counter[str] = Counter()
        last = -1
        while True:
            following = select(fact.c.item_id, fact.c.name).where(fact.c.item_id > last).order_by(fact.c.item_id)
            rows = self._read(following.limit(_PAGE)).all()
            for number, name in rows:
                for part in parts_of(name):
                    counts[part] += 1
                    sums[part] += number
            if len(rows) < _PAGE:
                break
            last = rows[-1][0]
        wanted = {part: (count, float(sums[part])) for part, count in counts.items()}
        return self._transaction.names.holds(self._transaction.connection, wanted)
