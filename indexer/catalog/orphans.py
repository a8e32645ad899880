"""What the catalog holds and nothing leads to any more: of photographs that were edited, of texts that nobody has, of a
change of encoder that was given up.

A run lets go of contents one batch at a time and deletes them at its end (`sweep`): until then another file may turn
out to hold them, under a new name. A run that was killed leaves a note (`meta.SWEEP`), and the next one looks through
all, as the first one does of a store that an earlier version made.

An unfinished change of encoder is kept: hours of work, and the same command goes on with it. It goes when another
change begins, when the store's own encoder is asked for again, and with `delete_all`. What the former encoder made is
kept until the next change is through, so that it can be taken back, or until `delete_all`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from indexer.catalog import stored
from indexer.catalog.catalog import Catalog
from indexer.catalog.contents import Contents
from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.meta import ENCODER, FORMER, REPAIRED, SWEEP, Meta
from indexer.catalog.schema import ABSENT, FORGOTTEN, encoder, file, item, vector
from indexer.catalog.transaction import Part

#: Texts about what was forgotten: earlier versions hid them, and kept them.
_ABOUT_FORGOTTEN: ColumnElement[bool] = item.c.about.in_(select(file.c.path).where(ABSENT, file.c.state == FORGOTTEN))


@dataclass(frozen=True, slots=True)
class Orphaned:
    """How many rows nothing leads to. `contents`: photographs and texts, with vectors, tokens and what they say of
    themselves; `texts`: those about forgotten photographs; `vectors`: those of encoders that do not answer: a change of
    encoder (`index(reencode=True)`) left them unfinished. What is kept of the former encoder is none of it."""

    contents: int = 0
    texts: int = 0
    vectors: int = 0

    def __bool__(self) -> bool:
        return bool(self.contents or self.texts or self.vectors)


class Orphans(Part):
    """Counted and deleted; nothing of it can be found, and no search sees a difference."""

    def count(self) -> Orphaned:
        """Looks at every content once: 0.05 s for 100,000."""
        others = self.encoders()
        return Orphaned(
            Contents(self._transaction).count_unused(),
            self._count(select(func.count()).select_from(item).where(_ABOUT_FORGOTTEN)),
            self._count(select(func.count()).where(vector.c.encoder_id.in_(others))),
        )

    def _count(self, statement: object) -> int:
        return int(self._read(statement).scalar_one())  # type: ignore[call-overload]

    def delete_texts(self) -> int:
        """Delete the texts about what was forgotten. Returns how many."""
        return Items(self._transaction).delete_about(_ABOUT_FORGOTTEN)

    def encoders(self, keep: int | None = None) -> list[int]:
        """Row ids of the encoders that neither answer nor answered last, but for the one in the row `keep`."""
        meta = Meta(self._transaction)
        kept = {keep, stored.whole_number(meta.get(ENCODER)), stored.whole_number(meta.get(FORMER))} - {None}
        return list(self._read(select(encoder.c.id).where(encoder.c.id.not_in(kept))).scalars())

    def delete_encoders(self, keep: int | None = None) -> None:
        """Delete these `encoders`, with vectors and tokens."""
        for row in self.encoders(keep):
            Encoders(self._transaction).delete(row)

    def delete_all(self) -> Orphaned:
        """All of it, an unfinished change of encoder and what is kept of the former encoder too. Returns how much there
        was."""
        Meta(self._transaction).delete(FORMER)
        found = self.count()
        self.delete_texts()
        self.delete_encoders()
        Contents(self._transaction).delete_unused()
        Meta(self._transaction).set(SWEEP, "done")
        return found


def is_swept(catalog: Catalog) -> bool:
    """Whether nothing was let go of since the last `sweep`."""
    with catalog.snapshot() as snapshot:
        return Meta(snapshot).get(SWEEP) == "done"


def is_repaired(catalog: Catalog) -> bool:
    """Whether rows were lost: contents that no file holds may be of files that are to be found again."""
    with catalog.snapshot() as snapshot:
        return Meta(snapshot).get(SWEEP) == REPAIRED


def sweep(catalog: Catalog, *, everything: bool, spare: bool = False) -> None:
    """At the end of a run: delete the contents that its transactions let go of and nothing else holds; `everything`:
    look through all, because an earlier run did not come to this. `spare`: not yet, because after a repair not all
    folders were looked through, and hours of work may be in what they hold."""
    if is_swept(catalog):
        return
    everything = everything and not spare
    with catalog.batch() as batch:
        if everything:
            Orphans(batch).delete_texts()
        if everything or not spare or catalog.let_go is not None:
            Contents(batch).delete_unused(None if everything else catalog.let_go)
        Meta(batch).set(SWEEP, REPAIRED if spare else "done")
