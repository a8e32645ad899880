"""What brings vectors in, takes them out, or moves what is known of them: see `operations.py`."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Final

import search
from indexer.pipeline import copy_store
from indexer.types import KINDS
from search.exchange import batches
from search.exchange.layout import FORMATS, Format
from search.exchange.sources import source_at
from tests.crash.operations import Operation, indexed
from tests.crash.worlds import BATCH, World, new_world
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.scenes import scenes

#: Files of a transaction, and items of a batch: so many of each as a large collection has.
FEW: Final = 8


def _library(store: Path) -> search.Library:
    return search.open(store, encoder=ColourTokenEncoder(batch_size=BATCH))


# -- export, import -----------------------------------------------------------------------------------------


def _exported(folder: Path) -> World:
    """An export lies there already, of less."""
    world = indexed(folder)
    with world.library() as library:
        library.export(_out(world), format="npy", where=search.Filter(name="00*"), tokens=True)
    world.keep()
    return world


def _out(world: World) -> Path:
    return world.work / "out"


def _export(name: Format, world: World) -> None:
    """What lies there is whole: the earlier one, or one that an attempt before has finished. Between two renames it may
    be under another name."""
    batches.AT_ONCE = FEW  # type: ignore[misc]
    if _out(world).exists():
        _check_whole(_out(world))
    with world.library() as library:
        library.export(_out(world), format=name, tokens=True, replace=True)


def _check_export(name: Format, world: World) -> None:
    """It has every item, and nothing of earlier attempts lies beside it."""
    with world.library() as library:
        items = [item for kind in KINDS for item in library.items(kind=kind)]
    images = sum(item.kind == "image" for item in items)
    assert _check_whole(_out(world)) == (images if name == "clip-retrieval" else len(items))
    assert sorted(path.name for path in world.work.iterdir()) == ["cache", "out", "store", "tmp"]


def _check_whole(out: Path) -> int:
    """Rows of an export, each with its tokens. Raises UsageError where one does not read."""
    rows = [row for some, _ in source_at(out).batches() for row in some]
    assert all(row.tokens is not None for row in rows)
    return len(rows)


def _to_import(folder: Path) -> World:
    world = indexed(folder)
    with world.library() as library:
        library.export(world.folder / "export", format="npy", tokens=True)
    shutil.rmtree(world.store)
    world.keep()
    return world


def _import(world: World) -> None:
    batches.AT_ONCE = FEW  # type: ignore[misc]
    with world.library() as library:
        library.import_from(world.folder / "export")


# -- merge, split, relocate ---------------------------------------------------------------------------------


def _two(folder: Path) -> World:
    """Two stores that have some photographs in common."""
    world = new_world(folder, 40)
    scenes(world.folder / "others", 30, seed=2)
    shutil.copy(world.photos / "003.png", world.folder / "others" / "copy.png")
    with _library(world.work / "other") as library:
        library.index(world.folder / "others", world.photos / "inner")
    with world.library() as library:
        library.index(world.photos)
    world.keep()
    return world


def _merge(world: World) -> None:
    copy_store.PAGE = FEW
    with world.library() as library:
        library.merge(world.work / "other")


def _split(world: World) -> None:
    """What is left over."""
    copy_store.PAGE = FEW
    with world.library() as library:
        if any(item.path.startswith(f"{world.photos / 'inner'}/") for item in library.items()):
            library.split(world.photos / "inner", world.work / "part")


def _to_split(folder: Path) -> World:
    world = new_world(folder, 40)
    scenes(world.photos / "inner" / "more", 30, seed=2)
    with world.library() as library:
        library.index(world.photos)
    world.keep()
    return world


def _to_split_into(folder: Path) -> World:
    world = _to_split(folder)
    world.store.rename(world.work / "whole")
    world.keep()
    return world


def _split_into(world: World) -> None:
    """What comes to be."""
    copy_store.PAGE = FEW
    with _library(world.work / "whole") as library:
        if any(item.path.startswith(f"{world.photos / 'inner'}/") for item in library.items()):
            library.split(world.photos / "inner", world.store)


def _to_relocate(folder: Path) -> World:
    world = indexed(folder)
    shutil.copytree(world.photos, world.folder / "moved")
    return world


def _relocate(world: World) -> None:
    with world.library() as library:
        if [each.path for each in library.collections()] == [str(world.photos)]:
            library.relocate(world.photos, world.folder / "moved")


def _index(world: World) -> None:
    """Where it was killed when all was moved, the next run brings indexes up to date."""
    with world.library() as library:
        library.index()


EXCHANGE_OPERATIONS: Final = (
    *(Operation(f"export {name}", _exported, partial(_export, name), partial(_check_export, name)) for name in FORMATS),
    Operation("import", _to_import, _import, on="no store"),
    Operation("merge", _two, _merge),
    Operation("split", _to_split, _split, _index),
    Operation("split into", _to_split_into, _split_into, on="no store"),
    Operation("relocate", _to_relocate, _relocate, _index),
)
