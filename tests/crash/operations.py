"""What writes: each operation, what it begins with, and what it does in a process that may be killed at any moment."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from indexer.errors import StoreError
from indexer.store import Store
from tests.crash.worlds import BATCH, World, new_world
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.scenes import scenes


@dataclass(frozen=True, slots=True)
class Operation:
    """`prepare` makes a world in an empty folder; `run` is disturbed; `complete` comes after the last `run`.

    `on`: what it works on, as it lies there before. `weights`: of the encoder that the store answers to in the end.
    `torch`: needs torch, which takes seconds to import. `long`: too slow for `make test`.
    """

    name: str
    prepare: Callable[[Path], World]
    run: Callable[[World], None]
    complete: Callable[[World], None] = lambda _world: None
    on: Literal["store", "no store", "damaged store", "model"] = "store"
    weights: str = "1"
    torch: bool = False
    long: bool = False


# -- index --------------------------------------------------------------------------------------------------


def _nothing_yet(folder: Path) -> World:
    world = new_world(folder, 60)
    world.keep()
    return world


def _index(world: World) -> None:
    with world.library() as library:
        library.index(world.photos)


def indexed(folder: Path, photographs: int = 60) -> World:
    world = new_world(folder, photographs)
    _index(world)
    world.keep()
    return world


def _changed(folder: Path) -> World:
    """Photographs are new, changed, moved and gone, and so are lines of a table and captions beside a photograph."""
    world = indexed(folder)
    photos = world.photos
    scenes(photos / "new", 20, seed=1)
    for number in range(0, 12, 2):
        shutil.copy(photos / "new" / f"{number:03}.png", photos / f"{number:03}.png")
    for number in range(13, 25):
        (photos / f"{number:03}.png").unlink()
    (photos / "moved").mkdir()
    for number in range(30, 40):
        (photos / f"{number:03}.png").rename(photos / "moved" / f"{number:03}.png")
    lines = [json.loads(line) for line in (photos / "captions.jsonl").read_text().splitlines()]
    lines = lines[4:] + [{"image": f"new/{number:03}.png", "caption": f"blue new{number}"} for number in range(9)]
    lines[2]["captions"] = ["white and black"]
    (photos / "captions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (photos / "inner" / "copy.txt").write_text("a green copy")
    return world


def _reencode(world: World) -> None:
    with world.library("2") as library:
        library.index(reencode=True)


def _build_ivf(world: World) -> None:
    with world.library() as library:
        library.index(index_type="ivf-sq8", recall=0.9)


def _build_hnsw(world: World) -> None:
    with world.library() as library:
        library.index(index_type="hnsw")


# -- forget, doctor -----------------------------------------------------------------------------------------


def _with_vanished(folder: Path) -> World:
    world = indexed(folder)
    for number in range(40, 50):
        (world.photos / f"{number:03}.png").unlink()
    _index(world)
    world.keep()
    return world


def _forget(world: World) -> None:
    gone = [world.photos / name for name in ("inner", "003.png", "captions.jsonl")]
    with world.library() as library:
        library.forget(*(path for path in gone if _is_indexed(world, path)), vanished=True)


def _with_orphans(folder: Path) -> World:
    """Much was forgotten, and what belonged to it has left its room in the catalog."""
    world = _with_vanished(folder)
    _forget(world)
    world.keep()
    return world


def _compact(world: World) -> None:
    with world.library() as library:
        library.compact()


def _is_indexed(world: World, path: Path) -> bool:
    """Whether `forget` would find something there: it refuses what an attempt before has forgotten."""
    asked = "SELECT path, state FROM file WHERE path = ? OR path LIKE ?"
    try:
        with closing(sqlite3.connect(world.store / "catalog.sqlite")) as connection:
            found = connection.execute(asked, (str(path), f"{path}/%")).fetchall()
    except sqlite3.OperationalError as error:  # the disk fails in this look too
        raise StoreError(str(error)) from error
    return any(state != "forgotten" for _, state in found)


def _with_a_bad_page(folder: Path) -> World:
    """A page of the items reads as noise, a vector has a flipped bit, and an index is cut."""
    world = indexed(folder)
    catalog = world.store / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        (row, data) = connection.execute("SELECT rowid, data FROM vector LIMIT 1 OFFSET 7").fetchone()
        connection.execute("UPDATE vector SET data = ? WHERE rowid = ?", (bytes([data[0] ^ 1]) + data[1:], row))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        leaf = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'item' AND pagetype = 'leaf' ORDER BY pageno DESC"
        ).fetchone()[0]
    with catalog.open("r+b") as file:
        file.seek((leaf - 1) * size)
        file.write(bytes(range(255, -1, -1)) * (size // 256))
    index = next((world.store / "vectors").glob("image-*.npy"))
    index.write_bytes(index.read_bytes()[:-3])
    world.keep()
    return world


def _repair(world: World) -> None:
    with world.library() as library:
        library.repair()


# -- fitting to one's own pictures --------------------------------------------------------------------------


def _calibrate(world: World) -> None:
    from search.calibration.calibrate import CalibrationSettings

    with world.library() as library:
        library.calibrate(world.pairs, settings=CalibrationSettings(images=str(world.photos)))


def _train(world: World) -> None:
    """With a network of a few numbers; what `Library.train_reranker` does, which has no settings for that."""
    from search.rerank.fusion_model import FusionSettings
    from search.rerank.train import train_reranker
    from search.rerank.training_settings import TrainingSettings

    network = FusionSettings(4, hidden=8, heads=2, layers=1)
    settings = TrainingSettings(epochs=2, batch=64, negatives=7, pool=16, network=network)
    with closing(Store.open(world.store)) as store:
        encoder = ColourTokenEncoder(batch_size=BATCH)
        train_reranker(str(world.pairs), store, encoder, images=str(world.photos), settings=settings)


# -- the export of a model ----------------------------------------------------------------------------------


def _with_a_model(folder: Path) -> World:
    from tests.contract.test_encoder import tiny_folder

    world = new_world(folder, 2)
    tiny_folder(world.model, seed=3)
    world.keep()
    return world


def _with_a_converted_model(folder: Path) -> World:
    """Its graphs lie beside it, because converting one takes seconds."""
    world = _with_a_model(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEARCH_CACHE", str(world.cache))
        _export(world)
    [made] = (world.cache / "exported").iterdir()
    made.rename(world.graphs)
    return world


def _export(world: World) -> None:
    from indexer.encoders.graph_encoder import GraphEncoder
    from indexer.encoders.registry import load_encoder, prepare_for_indexing
    from indexer.progress import Silent

    encoder, notes = prepare_for_indexing(load_encoder(f"open_clip:local-dir:{world.model}", "cpu"), "cpu", Silent())
    if not isinstance(encoder, GraphEncoder):  # the disk fails, and torch answers; nothing else may be the reason
        assert [note for note in notes if "cannot be kept" in note], notes
        raise StoreError(notes[0])
    encoder.encode_texts(["red"])  # compiled, and that is kept too


def _export_converted(world: World) -> None:
    from indexer.encoders import openvino_export

    arithmetic = json.loads((world.graphs / "model.json").read_text())["arithmetic"]

    def copy(_forward: Any, _rows: Any, file: Path, **_more: Any) -> Any:
        for suffix in (".xml", ".bin"):
            shutil.copyfile(world.graphs / f"{file.stem}{suffix}", file.with_suffix(suffix))
        return openvino_export.ExportedTower(arithmetic[file.stem])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openvino_export, "export_tower", copy)
        _export(world)


OPERATIONS: Final = {
    operation.name: operation
    for operation in (
        Operation("index first", _nothing_yet, _index, on="no store"),
        Operation("index incremental", _changed, _index),
        Operation("reencode", indexed, _reencode, weights="2"),
        Operation("forget", _with_vanished, _forget),
        Operation("compact", _with_orphans, _compact),
        Operation("repair", _with_a_bad_page, _repair, _index, on="damaged store"),
        Operation("build ivf", lambda folder: indexed(folder, 100), _build_ivf),
        Operation("build hnsw", lambda folder: indexed(folder, 100), _build_hnsw),
        Operation("calibrate", lambda folder: indexed(folder, 60), _calibrate),
        Operation("train", lambda folder: indexed(folder, 150), _train, torch=True),
        Operation("export", _with_a_converted_model, _export_converted, on="model", torch=True),
        Operation("convert and export", _with_a_model, _export, on="model", torch=True, long=True),
    )
}
