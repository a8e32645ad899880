"""A folder that is at another place now, as a person says: what is known of its files follows, and nothing is encoded.

`moved.py` does the same where a run finds the folder again by itself, on a drive that is there. Here nothing has to be
guessed, so that it also works for a part of a root, for a copy on another drive or machine, and before a run.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from typing import Final

from indexer.catalog import stored
from indexer.catalog.catalog import Catalog
from indexer.catalog.exclusions import Exclusions
from indexer.catalog.meta import SETTLED, Meta
from indexer.catalog.moves import Moves, Named, is_in, moved_path
from indexer.catalog.root_counts import RootCounts
from indexer.catalog.roots import Root, Roots
from indexer.catalog.transaction import Transaction
from indexer.errors import PathNotFoundError, UsageError
from indexer.files.ignores import Ignores
from indexer.files.inherited import inherited
from indexer.files.mounts import mount_of
from indexer.files.names import as_named
from indexer.files.scope import is_below, nearest, relative
from indexer.path_forms import spellings
from indexer.pipeline.lost_exclusions import follow_told
from indexer.pipeline.suspects import follow_left_out
from indexer.storage.looking import candidate_at, is_folder, is_there_named

#: Files that are looked for at the new place, and the share of them that has to be there: a folder that was named by
#: mistake holds none of them, and one from which some were deleted most.
SAMPLE: Final = 100
ENOUGH: Final = 0.5
#: Folders that a sentence names.
_NAMED: Final = 3
#: A path with a drive's letter, or of a share, as Windows writes it.
_OF_WINDOWS: Final = re.compile(r"[A-Za-z]:[\\/]|\\\\[^\\]")


@dataclass(frozen=True, slots=True)
class Relocated:
    """What follows a folder from `old` to `new`: how many `files` (captions files and others among them), of which
    `photographs` can be found, and how many `exclusions`. `roots`: the indexed folders that are at or below `new` now.
    """

    old: str
    new: str
    files: int
    photographs: int
    exclusions: int
    roots: tuple[str, ...]


def place_of(path: str | os.PathLike[str]) -> str:
    """The absolute path that a person means. Raises UsageError for one as another system writes it."""
    text = os.fspath(path)
    if os.sep == "/" and _OF_WINDOWS.match(text) and not os.path.lexists(text):
        raise UsageError(
            f"{text} is a path as Windows writes it, and this machine has none such; name the folder as it is called "
            "here, or index it here anew with `index(FOLDER)`."
        )
    return as_named(path)


def relocate(catalog: Catalog, old: str, new: str) -> Relocated:
    """Let everything that is known of `old`, a folder or a file, be known of `new`, in one transaction. Absolute paths.

    Raises PathNotFoundError for an `old` of which nothing is indexed, and for a `new` that is not there; UsageError
    where one lies in the other, where what follows would lie where other files are indexed or forgotten, and where few
    of the files are at `new`.
    """
    with catalog.batch() as batch:
        old = _known(batch, old)
        _check_places(old, new)
        _check_room(batch, old, new)
        sample, hidden = Moves(batch).sample(old, SAMPLE)
        seen = _look(sample, old, new, must_be_there=not hidden)
        return _move(batch, old, new, keeps_status=seen)


def _known(batch: Transaction, old: str) -> str:
    """How the catalog spells it. Raises PathNotFoundError."""
    for spelling in spellings(old):
        if Moves(batch).names(spelling):
            return spelling
    roots = [row.path for row in Roots(batch).all()]
    name = os.path.basename(old).casefold()
    alike = [path for path in Moves(batch).folders() if os.path.basename(path).casefold() == name]
    near = dict.fromkeys([*difflib.get_close_matches(old, roots, _NAMED), *sorted(alike)])
    said = f"did you mean {' or '.join([*near][:_NAMED])}?" if near else "`collections()` lists the folders."
    raise PathNotFoundError(f"Nothing of {old} is indexed; {said}")


def _check_places(old: str, new: str) -> None:
    if old == new:
        raise UsageError(f"{old} is its place already; name the folder where it is now.")
    if is_below(new, old):
        raise UsageError(
            f"{new} lies in {old}, and what is known of a folder cannot move into itself; move the folder to a place "
            "beside it first."
        )
    if not is_there_named(new):
        raise PathNotFoundError(f"{new} is not there; check the spelling, or whether its drive is mounted.")


def _check_room(batch: Transaction, old: str, new: str) -> None:
    """That nothing of what follows comes to lie where something else is known. Raises UsageError."""
    exclusions = [path for path in Exclusions(batch).all() if not is_in(path, old)]
    around = next((path for path in exclusions if is_in(new, path)), None)
    if around is not None:
        raise UsageError(f"{around} was forgotten and stays out; `index({around!r})` lets it in again, then try again.")
    taken = list(Moves(batch).kept_at(old, new))
    if taken:
        raise UsageError(
            f"{len(taken):,} of the files of {old} are indexed at {new} already (first: {taken[0]}); `forget({old!r})` "
            "takes those of the old place out."
        )
    for path in exclusions:
        if is_in(path, new) and Moves(batch).present(moved_path(path, new, old)):
            raise UsageError(
                f"{path} was forgotten, and files of {moved_path(path, new, old)} would come to lie there; "
                f"`forget({moved_path(path, new, old)!r})` takes them out first."
            )


def _look(sample: list[Named], old: str, new: str, *, must_be_there: bool) -> bool:
    """Whether those files are at the new place by a rename, which keeps the time of their status. Raises UsageError
    where too few are there: with their sizes, which copies keep."""
    found = same = 0
    for file in sample:
        try:
            now = candidate_at(moved_path(file.path, old, new))
        except (OSError, ValueError):
            continue
        found += now.size == file.size
        same += now.ctime_ns == file.ctime_ns
    if must_be_there and found < ENOUGH * len(sample):
        raise UsageError(
            f"Of {len(sample)} files of {old} that were looked for, {found} are at {new}; name the folder in which "
            "they lie by the same names now."
        )
    return same == found


def _move(batch: Transaction, old: str, new: str, *, keeps_status: bool) -> Relocated:
    before = Roots(batch).all()
    settled = stored.whole_number(Meta(batch).get(SETTLED)) == batch.generation - 1
    exclusions = sum(is_in(path, old) for path in Exclusions(batch).all())
    files = Moves(batch).move(old, new)
    follow_left_out(batch, old, new)
    follow_told(batch, old, new)
    _settle_roots(batch, before, old, new)
    roots = tuple(row.path for row in Roots(batch).all() if is_in(row.path, new))
    for root in roots:
        Moves(batch).remount(root, mount_of(root))
    if not keeps_status:
        Moves(batch).forget_ctimes(new)
    if settled:  # the next run owes nothing for what this changed
        Meta(batch).set(SETTLED, str(batch.generation))
    return Relocated(old, new, files, RootCounts(batch).images_below(new), exclusions, roots)


def _settle_roots(batch: Transaction, before: list[Root], old: str, new: str) -> None:
    """A run looks at the new place by the patterns of the old one: as a part of the root around it, where that has the
    same, else as a root of its own."""
    patterns = {row.path: row.ignores for row in Roots(batch).all()}
    around = nearest(new, patterns)
    if new in patterns:
        if around is not None and patterns[around] == patterns[new] and not _leaves_out(patterns[around], around, new):
            Roots(batch).delete([new])
        return
    if around is not None and not _leaves_out(patterns[around], around, new):
        return
    former = next((row for row in before if row.path == nearest(old, [each.path for each in before])), None)
    if former is not None:  # else `old` only holds roots, which came along
        Roots(batch).add(new, inherited(former.ignores, relative(old, former.path)))
        Moves(batch).set_scanned(new, former.scanned_at)


def _leaves_out(patterns: tuple[str, ...], root: str, path: str) -> bool:
    return Ignores(patterns).leaves_out(relative(path, root), is_folder=is_folder(path))
