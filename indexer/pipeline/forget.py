"""Paths taken out of a store for good: their rows go, and what still lies below a root is kept out of later runs."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.catalog.catalog import Catalog
from indexer.catalog.exclusions import Exclusions
from indexer.catalog.files import Files
from indexer.catalog.moves import Moves
from indexer.catalog.roots import Roots
from indexer.catalog.transaction import Transaction
from indexer.errors import PathNotFoundError
from indexer.files.mounts import is_deleted, presence
from indexer.files.scope import nearest
from indexer.path_forms import spellings
from indexer.pipeline.moved import forget_lost_roots, mark_gone


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was taken out: how many `files`, and which folders of the store (`roots`).

    `excluded`: paths that lie below a folder of the store still; `index` leaves them out until it is given one by name.
    """

    files: int
    roots: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


def forget(catalog: Catalog, *paths: str) -> Forgotten:
    """Take files, or everything below folders, out of the catalog, and every text about them: all or nothing. `paths`
    absolute.

    Raises PathNotFoundError for a path of which nothing is indexed.
    """
    outer = [path for path in dict.fromkeys(paths) if nearest(path, paths) is None]
    with catalog.batch() as batch:
        found = [_forget(batch, path) for path in outer]
    return Forgotten(
        sum(each.files for each in found),
        tuple(root for each in found for root in each.roots),
        tuple(path for each in found for path in each.excluded),
    )


def _forget(batch: Transaction, path: str) -> Forgotten:
    before = {row.path: row.mount for row in Roots(batch).all()}
    for spelling in spellings(path):
        files = Files(batch).forget(spelling)
        gone = tuple(sorted(before.keys() - {row.path for row in Roots(batch).all()}))
        if files or gone:
            path = spelling
            break
    else:
        raise _nothing(batch, path)
    Exclusions(batch).delete_below(path)
    around = nearest(path, before.keys() - set(gone))
    if around is None or is_deleted(path, around, before[around]):  # it needs no guard against coming back
        return Forgotten(files, gone)
    Exclusions(batch).add(path)
    return Forgotten(files, gone, (path,))


def check_known(catalog: Catalog, path: str) -> str:
    """How the catalog spells a path of which it has files. Raises PathNotFoundError where it has none."""
    with catalog.snapshot() as snapshot:
        for spelling in spellings(path):
            if Moves(snapshot).present(spelling) or Moves(snapshot).present(spelling, hidden=True):
                return spelling
        raise _nothing(snapshot, path)


def forget_vanished(catalog: Catalog) -> Forgotten:
    """Take out every file that is no longer where it was, and the roots that are gone with all of theirs."""
    with catalog.snapshot() as snapshot:
        roots = Roots(snapshot).all()
    for row in roots:
        if presence(row.path, row.mount) == "gone":
            mark_gone(catalog, row, [each.path for each in roots])
    with catalog.batch() as batch:
        files = Files(batch).forget_vanished()
    return Forgotten(files, tuple(forget_lost_roots(catalog)))


def _nothing(batch: Transaction, path: str) -> PathNotFoundError:
    excluded = Exclusions(batch).all()
    if path in excluded or nearest(path, excluded) is not None:
        return PathNotFoundError(f"{path} is forgotten already, and stays out; `index({path!r})` brings it back.")
    return PathNotFoundError(f"Nothing of {path} is indexed; `status()` lists the folders.")
