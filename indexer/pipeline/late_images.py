"""Tables of captions that were there before their photographs: their rows are looked at again when photographs come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from indexer.catalog.catalog import Catalog
from indexer.catalog.texts import Texts
from indexer.pipeline.ingest import Ingest
from indexer.pipeline.values import CaptionFile
from indexer.pipeline.write import Found
from indexer.types import Candidate


def read_tables_again(catalog: Catalog, look_up: Callable[[Candidate], object], ingest: Ingest, found: Found) -> None:
    """Read the tables that name photographs which were not there, where some came to lie at or below their folders.

    `found`: what this run has come to. What was said of such a table before is not said again: `ingest` counts in a
    report of its own.
    """
    if not found.places:
        return
    with catalog.snapshot() as snapshot:
        tables = Texts(snapshot).tables_without_images()
    above = _with_those_above(found.places)
    for path in tables:
        if path in found.tables or os.path.dirname(path) not in above:
            continue
        try:
            table = look_up(Candidate.at(path))
        except (OSError, ValueError):
            continue  # the next scan says why
        if isinstance(table, CaptionFile):
            ingest.commit([table])


def _with_those_above(folders: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for folder in folders:
        while folder not in found:
            found.add(folder)
            folder = os.path.dirname(folder)
    return found
