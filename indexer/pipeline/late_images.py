"""Captions that were there before their photographs, or stay when these go: they are looked at again in that run.

A table keeps the texts of photographs that are gone, and what they were about: so that these are forgotten with it. A
sidecar is one of the photograph that bears its name now, or else waits for one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence, Set

from indexer.catalog.catalog import Catalog
from indexer.catalog.files import Files
from indexer.catalog.meta import TEXTS_OF_GONE, Meta
from indexer.catalog.texts import Texts
from indexer.files import takeout
from indexer.files.captions import is_caption_table
from indexer.files.scope import is_below
from indexer.pipeline.ingest import Ingest
from indexer.pipeline.values import CaptionFile, Ignored
from indexer.pipeline.write import Found
from indexer.storage.looking import candidate_at
from indexer.types import Candidate


def read_captions_again(
    catalog: Catalog, look_up: Callable[[Candidate], object], ingest: Ingest, found: Found, *, since: int
) -> list[str]:
    """Read the tables that name photographs which were not there, where some came to lie at or below their folders;
    what tells of photographs that went after the generation `since`; and what speaks of photographs that were forgotten
    and are back: of them it was passed over.

    `found`: what this run has come to. Returns sentences about those that tell of what went; what was said of the
    others before is not said again: `ingest` counts in a report of its own.
    """
    with catalog.snapshot() as snapshot:
        bereft = Texts(snapshot).telling_of_gone(since)
        tables = Texts(snapshot).tables_without_images() if found.places else []
        known = list(Files(snapshot).captions()) if found.back or found.back_in else []
    above, above_back = _with_those_above(found.places), _with_those_above(found.back_in)
    due = [path for path in tables if path not in found.tables and os.path.dirname(path) in above]
    due += [path for path in known if _may_name(path, found.back) or _is_near(path, found.back_in, above_back)]
    sentences: list[str] = []
    waiting: list[str] = []
    for path in dict.fromkeys([*bereft, *due]):
        try:
            captions = look_up(candidate_at(path))
        except (OSError, ValueError):
            continue  # the next scan says why
        if isinstance(captions, CaptionFile):
            ingest.commit([captions])
            if path in bereft and path not in found.tables:
                sentences += [f"{os.path.basename(path)}: {problem}" for problem in captions.problems]
        elif isinstance(captions, Ignored) and path in bereft:
            ingest.commit([captions])
            waiting.append(path)
    return [*sentences, *_of_waiting(waiting)]


def uncover_texts_of_gone(catalog: Catalog) -> None:
    """Once, in a store of a version that hid what tables say of photographs that are gone."""
    with catalog.snapshot() as snapshot:
        if Meta(snapshot).get(TEXTS_OF_GONE) is not None:
            return
    with catalog.batch() as batch:
        Texts(batch).uncover_those_of_gone()
        Meta(batch).set(TEXTS_OF_GONE, "found")


def _of_waiting(sidecars: Sequence[str]) -> list[str]:
    if not sidecars:
        return []
    first = os.path.basename(sidecars[0])
    if len(sidecars) == 1:
        return [f"{first}: its photograph is gone, so what it says is not found until one of that name is beside it."]
    return [
        f"{len(sidecars):,} files beside photographs that are gone stay (first: {first}); what they say is not found "
        "until photographs of those names are beside them."
    ]


def _is_near(captions: str, folders: Set[str], above: Set[str]) -> bool:
    """Whether a captions file may speak of images in one of `folders`; `above`: with those above them."""
    folder, name = os.path.split(captions)
    return folder in (above if is_caption_table(name) else folders)


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
