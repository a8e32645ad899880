"""Mending what can be mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from indexer import swap
from indexer.catalog.salvage import salvage
from indexer.doctor.catalog import TOLD, lost_rows, made_again, mend_rows
from indexer.doctor.check import look_through
from indexer.doctor.encoder import witness
from indexer.doctor.facts import mend_facts
from indexer.doctor.finding import Finding
from indexer.doctor.vectors import mend_vectors
from indexer.doctor.words import mend_words
from indexer.errors import StoreDamagedError, StoreMissingError
from indexer.progress import Progress, Silent
from indexer.reach import check_store_place, refuse_store, shown_store
from indexer.settings import CATALOG_NAME
from indexer.store import Store, swapping, write_lock
from indexer.store_address import address_in
from indexer.thumbnails.removal import remove_stale
from indexer.vectors.refresh import build_indexes


def repair(folder: Path, progress: Progress | None = None) -> list[Finding]:
    """Mend what can be mended; what was found, and in `remedy` what was done or is left to do.

    Raises StoreMissingError, StoreBusyError, StoreUnwritableError.
    """
    if not (check_store_place(folder) and swap.is_store(folder)):
        raise StoreMissingError(f"There is no index at {shown_store(folder)}; make one with `index(FOLDER)`.")
    progress = progress or Silent()
    with write_lock(folder):
        diagnosis = look_through(folder, progress)
        parts = {finding.part for finding in diagnosis.findings if finding.grave}
        done: list[Finding] = []
        if diagnosis.broken and (address := address_in(folder)) is not None:
            raise StoreDamagedError(
                f"{address.render_as_string()} cannot be mended from here ({diagnosis.findings[0].problem}); bring it "
                "back from a copy that its server has."
            )
        if diagnosis.broken:
            progress.phase("Saving what can be read of the catalog")
            done += _salvage(folder)
        store = Store.open(folder)
        try:
            with store.catalog.only_writer():
                if parts - {"encoder"}:
                    progress.phase("Mending what is damaged")
                    done += mend_rows(store)
                    done += mend_facts(store)
                    done += mend_words(store)
                    done += mend_vectors(store)
                if stale := remove_stale(folder, store.catalog):
                    done.append(
                        Finding("thumbnails", f"{stale:,} were of photographs that are gone", "deleted", grave=False)
                    )
                if parts & {"index", "vectors", "catalog"}:
                    build_indexes(store.catalog, store.vectors, None, progress, force=True)
                    done.append(
                        Finding("index", "the vector indexes were missing, damaged or out of date", "built again")
                    )
        finally:
            store.close()
    left = (finding for finding in diagnosis.findings if finding.part != "thumbnails")
    return done + [finding for finding in left if not finding.grave or finding.part == "encoder"]


def _salvage(folder: Path) -> Iterator[Finding]:
    try:
        result = salvage(folder / CATALOG_NAME, swap.unfinished(folder), witness(folder))
        with swapping(folder):
            damaged = swap.put_in_place(folder)
    except OSError as error:
        refuse_store(folder, error)
    finally:
        swap.discard(folder)  # as far as it came, on a full disk
    kept, lost = sum(result.kept.values()), sum(result.lost.values())
    left = "" if damaged is None else f"; the damaged file is kept as {damaged.name}"
    remedy = f"saved {kept:,} rows, lost at least {lost:,}{left}; run `index()` to read again what is missing"
    told = {name: count for name, count in result.lost.items() if count and name in TOLD}
    yield Finding("catalog", "the catalog was damaged", remedy)
    yield from made_again(result.again)
    yield from lost_rows(told, told.keys() - result.counted)
