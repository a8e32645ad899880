"""The files on the disk, against what the catalog says of them."""

from __future__ import annotations

from collections.abc import Iterator

from indexer.catalog.completeness import TO_READ, Completeness
from indexer.catalog.files import Files
from indexer.catalog.known_files import files_below
from indexer.catalog.roots import Roots
from indexer.counted import counted
from indexer.doctor.finding import Finding
from indexer.files.mounts import presence, why_away
from indexer.files.scope import Scope, is_below
from indexer.storage.looking import candidate_at, is_gone
from indexer.store import Store


def check_files(store: Store) -> Iterator[Finding]:
    missing = closed = changed = 0
    with store.catalog.snapshot() as snapshot:
        roots = Roots(snapshot).all()
        failures = len(Files(snapshot).failures())
        waiting = Completeness(snapshot).waiting()
        outside, first = Completeness(snapshot).without_root()
    for root in roots:
        found = presence(root.path, root.mount)
        if found == "unmounted":
            problem = f"{root.path} cannot be reached ({why_away(root.path)})"
            yield Finding("files", problem, "nothing is lost", grave=False)
        if found == "gone":
            problem = f"{root.path} is no longer there"
            remedy = f"`index(FOLDER)` with its new place if it was moved, else `forget({root.path!r})`"
            yield Finding("files", problem, remedy, grave=False)
        if found != "there":
            continue
        inside = frozenset(other.path for other in roots if is_below(other.path, root.path))
        for row in Scope(root.path, root.path, inside).owned(files_below(store.catalog, root.path, None)):
            if row.state != "present" or row.size == TO_READ:
                continue
            try:
                now = candidate_at(row.path)
            except (OSError, ValueError):  # of an older store: what can be no path
                gone = is_gone(row.path)
                missing += gone
                closed += not gone
                continue
            changed += (now.size, now.mtime_ns) != (row.size, row.mtime_ns) or row.ctime_ns not in (None, now.ctime_ns)
    for count, what in ((missing, "are no longer there"), (changed, "have changed since they were indexed")):
        if count:
            yield Finding("files", f"{count} indexed files {what}", "`index()` brings it up to date", grave=False)
    if closed:
        problem = f"{counted(closed, 'indexed file')} may not be looked at"
        remedy = "make their folders readable; nothing is lost"
        yield Finding("files", problem, remedy, grave=False)
    if failures:
        yield Finding(
            "files", f"{counted(failures, 'file')} could not be indexed", "`status().failures` names them", grave=False
        )
    if waiting:
        problem = f"{waiting} files are to be read again, because something of them was lost"
        yield Finding("files", problem, "`index()` reads them", grave=False)
    if outside:
        problem = f"{first} lies below no folder of this index"
        if outside > 1:
            problem = f"{outside:,} files lie below no folder of this index (first: {first})"
        remedy = "`index(FOLDER)` with their folder keeps them up to date again"
        yield Finding("files", problem, remedy, grave=False)
