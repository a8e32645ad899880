"""Checks of a store: the catalog, the indexes and the files against each other; and what can be mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.catalog.contents import Contents
from indexer.catalog.encoders import Encoders
from indexer.catalog.files import Files
from indexer.catalog.items import Items
from indexer.catalog.known_files import files_below
from indexer.catalog.roots import Roots
from indexer.catalog.salvage import salvage
from indexer.catalog.tokens import Tokens
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import EncoderId, TokenShape
from indexer.errors import EncoderUnavailableError, StoreDamagedError, StoreMissingError
from indexer.files.mounts import presence, why_away
from indexer.files.scope import Scope, is_below
from indexer.progress import Silent
from indexer.reach import check_store_place, holds, is_missing
from indexer.settings import CATALOG_NAME
from indexer.store import Store, write_lock, writer
from indexer.types import KINDS, Candidate
from indexer.vectors.refresh import build_indexes, index_state


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    `part`: encoder, catalog, vectors, tokens, index or files. `problem`: a sentence.

    `grave`: answers are wrong or missing because of it (the rest is only out of date). `remedy`: what mends it, or
    what was done.
    """

    part: str
    problem: str
    remedy: str
    grave: bool = True


def check(folder: Path) -> list[Finding]:
    """Everything that is wrong with a store; empty when all is well. Changes nothing.

    Of a store that another process writes into, the vector indexes are not judged: they come last.

    Raises StoreMissingError when there is no store, StoreTooNewError when this version cannot judge it.
    """
    before = writer(folder)
    findings = _check(folder)
    at_work = before or writer(folder)
    if at_work is None or any(finding.part == "catalog" for finding in findings):
        return findings
    return [finding for finding in findings if finding.part != "index"] + [
        Finding(
            "index",
            f"{at_work} is writing into this store, and what it builds last is not judged",
            "run `check()` again when it has ended",
            grave=False,
        )
    ]


def _check(folder: Path) -> list[Finding]:
    path = folder / CATALOG_NAME
    try:
        store = Store.open(folder)
    except StoreDamagedError as error:
        return [Finding("catalog", str(error), "`repair()` saves what can be read")]
    try:
        with store.catalog.snapshot() as snapshot:
            broken = snapshot.integrity()
            if broken:
                shown = "; ".join(broken[:3])
                return [Finding("catalog", f"{path} is damaged: {shown}", "`repair()` saves what can be read")]
        return [
            *_check_encoder(store),
            *_check_vectors(store),
            *_check_tokens(store),
            *_check_indexes(store),
            *_check_files(store),
            *_check_content(store),
        ]
    except StoreDamagedError as error:
        return [Finding("catalog", str(error), "`repair()` saves what can be read")]
    finally:
        store.close()


def repair(folder: Path) -> list[Finding]:
    """Mend what can be mended; what was found, and in `remedy` what was done or is left to do.

    Raises StoreMissingError, StoreBusyError, StoreUnwritableError.
    """
    if not (check_store_place(folder) and holds(folder, CATALOG_NAME)):
        raise StoreMissingError(f"There is no index at {folder}; make one with `index(FOLDER)`.")
    with write_lock(folder):
        findings = _check(folder)
        parts = {finding.part for finding in findings if finding.grave}
        done: list[Finding] = []
        if "catalog" in parts:
            done.append(_salvage(folder))
        store = Store.open(folder)
        try:
            if parts - {"encoder"}:
                done += _mend(store, parts)
        finally:
            store.close()
    return done + [finding for finding in findings if not finding.grave or finding.part == "encoder"]


def _check_encoder(store: Store) -> Iterator[Finding]:
    from indexer.encoders.graph_model import BUNDLED, verify_bundled

    with store.catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
    if active is not None and active[1].name == BUNDLED:
        for problem in verify_bundled():
            yield Finding("encoder", problem, "install the package again")


def _check_vectors(store: Store) -> Iterator[Finding]:
    with store.catalog.snapshot() as snapshot:
        damaged = list(Vectors(snapshot).damaged())
        if damaged:
            yield Finding(
                "vectors",
                f"{len(damaged)} embeddings do not have their checksum",
                "`repair()` removes them, `index()` makes them again",
            )
        active = Encoders(snapshot).active()
        missing = 0 if active is None else Vectors(snapshot).count_missing(active[0])
        if missing:
            yield Finding(
                "vectors",
                f"{missing} items have no embedding and are not found",
                "`index()` makes them",
                grave=False,
            )


def _check_tokens(store: Store) -> Iterator[Finding]:
    with store.catalog.snapshot() as snapshot:
        damaged = sum(1 for _ in Tokens(snapshot).damaged())
        if damaged:
            yield Finding(
                "tokens",
                f"the tokens of {damaged} photographs or texts do not have their checksum, so that reranking passes "
                "over them",
                "`repair()` removes them, `index()` makes them again",
            )
        active = Encoders(snapshot).active()
        if active is None or not Tokens(snapshot).wanted:
            return
        row, identity = active
        recorded = Tokens(snapshot).shape(row)
        shape = _bundled_shape(identity) or recorded
        if shape is None:  # as far as can be told without loading it, the encoder yields none
            return
        if shape == recorded:
            missing = Tokens(snapshot).count_without(row)
        else:
            missing = sum(Items(snapshot).count(kind) for kind in KINDS)
        if missing:
            yield Finding(
                "tokens",
                f"{missing} items have no tokens and are not reranked",
                "`index()` adds them",
                grave=False,
            )


def _bundled_shape(identity: EncoderId) -> TokenShape | None:
    """The shape of the shipped encoder's tokens, when a store was made with it."""
    from indexer.encoders.graph_model import BUNDLED, bundled_folder, read_model

    if identity.name != BUNDLED:
        return None
    try:
        model = read_model(bundled_folder())
    except EncoderUnavailableError:
        return None
    return model.tokens if model.identity.matches(identity) else None


def _check_indexes(store: Store) -> Iterator[Finding]:
    with store.catalog.snapshot() as snapshot:
        active = Encoders(snapshot).active()
        if active is None:
            return
        for kind in KINDS:
            count = Vectors(snapshot).count(kind, active[0])
            problems = store.vectors.verify(kind)
            remedy = "`repair()` builds it again"
            if problems:
                problem, _, step = problems[0].rstrip(".").partition("; ")
                yield Finding("index", problem, step or remedy)
                continue
            state = index_state(snapshot, store.vectors, kind)
            if state is None:
                if count:
                    yield Finding("index", f"the index of {count} {kind}s is missing", remedy)
            elif state.generation > snapshot.generation:
                yield Finding("index", f"the index of {kind}s is newer than the catalog", remedy)


def _check_files(store: Store) -> Iterator[Finding]:
    missing = closed = changed = 0
    with store.catalog.snapshot() as snapshot:
        roots = Roots(snapshot).all()
        failures = len(Files(snapshot).failures())
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
            if row.state != "present":
                continue
            try:
                now = Candidate.at(row.path)
            except OSError:
                gone = is_missing(row.path)
                missing += gone
                closed += not gone
                continue
            changed += (now.size, now.mtime_ns) != (row.size, row.mtime_ns) or row.ctime_ns not in (None, now.ctime_ns)
    for count, what in ((missing, "are no longer there"), (changed, "have changed since they were indexed")):
        if count:
            yield Finding("files", f"{count} indexed files {what}", "`index()` brings it up to date", grave=False)
    if closed:
        problem = f"{closed} indexed file{'' if closed == 1 else 's'} may not be looked at"
        remedy = "make their folders readable; nothing is lost"
        yield Finding("files", problem, remedy, grave=False)
    if failures:
        yield Finding("files", f"{failures} files could not be indexed", "`status().failures` names them", grave=False)


def _check_content(store: Store) -> Iterator[Finding]:
    with store.catalog.snapshot() as snapshot:
        is_empty = not any(Items(snapshot).count(kind) for kind in KINDS)
    if is_empty:
        yield Finding("index", f"{store.folder} holds no image yet", "`index(FOLDER)` fills it", grave=False)


def _salvage(folder: Path) -> Finding:
    result = salvage(folder / CATALOG_NAME)
    kept, lost = sum(result.kept.values()), sum(result.lost.values())
    left = "" if result.damaged is None else f"; the damaged file is kept as {result.damaged.name}"
    return Finding(
        "catalog",
        "the catalog was damaged",
        f"saved {kept} rows, lost at least {lost}{left}; run `index()` with your folders to read again what is missing",
    )


def _mend(store: Store, parts: set[str]) -> Iterator[Finding]:
    with store.catalog.snapshot() as snapshot:
        damaged = list(Vectors(snapshot).damaged())
        tokens = list(Tokens(snapshot).damaged())
    with store.catalog.batch() as batch:
        Vectors(batch).delete(damaged)
        Tokens(batch).delete(tokens)
        Contents(batch).delete_unused()
    if tokens:
        yield Finding(
            "tokens",
            f"the tokens of {len(tokens)} photographs or texts did not have their checksum",
            "removed; `index()` makes them again",
        )
    if damaged:
        yield Finding(
            "vectors",
            f"{len(damaged)} embeddings did not have their checksum",
            "removed; `index()` makes them again",
        )
    if parts & {"index", "vectors", "catalog"}:
        build_indexes(store.catalog, store.vectors, None, Silent(), force=True)
        yield Finding("index", "the vector indexes were missing, damaged or out of date", "built again")
