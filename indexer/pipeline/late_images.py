"""Tables of captions that were there before their photographs: their rows are looked at again when photographs come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Set

from indexer.catalog.catalog import Catalog
from indexer.catalog.files import Files
from indexer.catalog.texts import Texts
from indexer.files import takeout
from indexer.files.captions import is_caption_table
from indexer.files.scope import is_below
from indexer.pipeline.ingest import Ingest
from indexer.pipeline.values import CaptionFile
from indexer.pipeline.write import Found
from indexer.types import Candidate


def read_tables_again(catalog: Catalog, look_up: Callable[[Candidate], object], ingest: Ingest, found: Found) -> None:
    """Read the tables that name photographs which were not there, where some came to lie at or below their folders.

    Also what speaks of photographs that were forgotten and are back: of them it was passed over.

    `found`: what this run has come to. What was said of such a table before is not said again: `ingest` counts in a
    report of its own.
    """
    if not found.places:
        return
    with catalog.snapshot() as snapshot:
        tables = Texts(snapshot).tables_without_images()
        known = list(Files(snapshot).captions()) if found.back else []
    above = _with_those_above(found.places)
    due = [path for path in tables if path not in found.tables and os.path.dirname(path) in above]
    due += [path for path in known if _may_name(path, found.back) and path not in due]
    for path in due:
        try:
            table = look_up(Candidate.at(path))
        except (OSError, ValueError):
            continue  # the next scan says why
        if isinstance(table, CaptionFile):
            ingest.commit([table])


def _may_name(captions: str, images: Set[str]) -> bool:
    """Whether a captions file, a table or the sidecar of an image, may speak of one of `images`."""
    folder, name = os.path.split(captions)
    if is_caption_table(name):
        return any(is_below(image, folder) for image in images)
    if name.lower().endswith(takeout.SUFFIX):
        return any(os.path.dirname(image) == folder for image in images)
    stem = os.path.splitext(captions)[0]
    return any(stem in (image, os.path.splitext(image)[0]) for image in images)


def _with_those_above(folders: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for folder in folders:
        while folder not in found:
            found.add(folder)
            folder = os.path.dirname(folder)
    return found
