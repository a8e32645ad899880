"""What an export holds is what the store has; it is there whole or not at all."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import search
from indexer.catalog.schema import vector
from indexer.errors import UsageError
from indexer.store import Store
from indexer.types import Float32
from search.exchange import batches, parquet_file
from search.exchange.manifest import Manifest
from search.exchange.npy_file import NpyFile
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourEncoder
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, paint

NAMES = ("0.bmp", "1.bmp", "2.bmp", "in/3.bmp", "in/4.bmp", "in/copy.bmp")
#: Names that are no UTF-8, as other systems left them.
BYTES = os.fsdecode(b"caf\xe9.bmp")

PYARROW = importlib.util.find_spec("pyarrow") is not None
needs_pyarrow = pytest.mark.skipif(not PYARROW, reason="the extra `parquet`")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "photos"
    for number, name in enumerate(NAMES):
        paint(folder / name, (RED, GREEN, BLUE)[number % 3], (16, 12 + min(number, 4)))
    (folder / "in" / "copy.bmp").write_bytes((folder / "in" / "4.bmp").read_bytes())
    paint(folder / BYTES, BLUE, (30, 30))
    rows = [{"image": "0.bmp", "captions": ["a red field", "red"]}, {"image": "in/4.bmp", "captions": ["green"]}]
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def library(photos: Path) -> Iterator[search.Library]:
    with search.open(photos.parent / "s", encoder=ColourEncoder()) as opened:
        opened.index(photos)
        yield opened


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every collection has several batches and parts."""
    monkeypatch.setattr(batches, "AT_ONCE", 2)
    if PYARROW:
        monkeypatch.setattr("search.exchange.parquet_layout.PART_ROWS", 4)
        monkeypatch.setattr("search.exchange.clip_retrieval_layout.PART_ROWS", 4)


def fail(*_: object) -> None:
    """As a full disk does."""
    raise OSError(28, "No space left on device")


def stored(library: search.Library) -> dict[int, tuple[search.Item, bytes]]:
    """Every item, and the bits of its vector."""
    items = {item.id: item for kind in ("image", "text") for item in library.items(kind=kind)}
    ids, vectors = library.vectors(list(items))
    return {int(number): (items[int(number)], own.tobytes()) for number, own in zip(ids, vectors, strict=True)}


def check_rows(library: search.Library, rows: list[dict[str, Any]], vectors: Float32) -> None:
    """What a table and a matrix say is what the store has, to the last bit."""
    wanted = stored(library)
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows if row["kind"] == "image") + sorted(
        row["id"] for row in rows if row["kind"] == "text"
    )
    assert {row["id"] for row in rows} == set(wanted)
    for row, own in zip(rows, vectors, strict=True):
        item, bits = wanted[row["id"]]
        assert (row["kind"], row.get("text"), own.tobytes()) == (item.kind, item.text, bits)
        path = os.fsdecode(row["path_bytes"]) if row.get("path_bytes") else row["path"]
        assert path == item.path
        if item.metadata is not None:
            assert (row["width"], row["height"], row["type"]) == (item.metadata.width, item.metadata.height, "bmp")
            assert row["size"] == os.stat(path).st_size


def test_npy(library: search.Library, photos: Path, tmp_path: Path) -> None:
    found = library.export(tmp_path / "out", format="npy")
    assert (found.images, found.texts, found.left_out, found.format, found.encoder) == (7, 3, 0, "npy", "colours")
    rows = [json.loads(line) for line in (tmp_path / "out" / "items.jsonl").read_text().splitlines()]
    vectors = np.load(tmp_path / "out" / "vectors.npy", allow_pickle=False)
    assert (vectors.shape, vectors.dtype) == ((10, 4), np.float32)
    check_rows(library, rows, vectors)
    first = next(row for row in rows if row["path"] == str(photos / "0.bmp"))
    assert (first["captions"], first["date_from"]) == (["a red field", "red"], "file")
    assert sum(row["digest"] == rows[-1]["digest"] for row in rows) == 1
    manifest = Manifest.read(tmp_path / "out")
    assert manifest is not None
    assert (manifest.encoder, manifest.images, manifest.texts) == (ColourEncoder().identity, 7, 3)
    assert manifest.files == ("items.jsonl", "vectors.npy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


@needs_pyarrow
def test_parquet(library: search.Library, tmp_path: Path) -> None:
    from pyarrow import parquet

    library.export(tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["export.json", "items-0000.parquet", "items-0001.parquet", "items-0002.parquet"]
    tables = [parquet.ParquetFile(tmp_path / "out" / name) for name in names[1:]]
    assert all(table.metadata.row_group(0).num_rows <= 2 for table in tables)
    assert json.loads(tables[0].schema_arrow.metadata[b"encoder"]) == json.loads(ColourEncoder().identity.to_json())
    rows = [row for table in tables for row in table.read().to_pylist()]
    check_rows(library, rows, np.array([row["vector"] for row in rows], np.float32))
    odd = next(row for row in rows if row["path_bytes"])
    assert (os.path.basename(odd["path"]), os.path.basename(odd["path_bytes"])) == ("caf\ufffd.bmp", b"caf\xe9.bmp")
    wanted = stored(library)
    assert all(row["date"] == wanted[row["id"]][0].date for row in rows)


@needs_pyarrow
def test_clip_retrieval(library: search.Library, photos: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    found = library.export(tmp_path / "out", format="clip-retrieval")
    assert (found.images, found.texts) == (7, 0)
    manifest = Manifest.read(tmp_path / "out")
    assert manifest is not None
    assert manifest.files == (
        *("img_emb/img_emb_0.npy", "img_emb/img_emb_1.npy", "metadata/metadata_0.parquet"),
        *("metadata/metadata_1.parquet", "text_emb/text_emb_0.npy", "text_emb/text_emb_1.npy"),
    )
    read = {
        kind: [np.load(tmp_path / "out" / kind / f"{kind}_{n}.npy") for n in (0, 1)] for kind in ("img_emb", "text_emb")
    }
    tables = [parquet.read_table(tmp_path / "out" / "metadata" / f"metadata_{number}.parquet") for number in (0, 1)]
    assert [len(part) for part in read["img_emb"]] == [len(table) for table in tables] == [4, 3]
    assert tables[0].column_names[:2] == ["image_path", "caption"]
    rows = [row for table in tables for row in table.to_pylist()]
    images, texts = np.concatenate(read["img_emb"]), np.concatenate(read["text_emb"])
    wanted = stored(library)
    assert [own.tobytes() for own in images] == [wanted[row["id"]][1] for row in rows]
    said = {row["image_path"]: (row["caption"], own) for row, own in zip(rows, texts, strict=True)}
    for path, (caption, own) in said.items():
        expected = library.embed(texts=[caption])[0] if caption else np.zeros(4, np.float32)
        assert np.array_equal(own, expected), path
    assert said[str(photos / "0.bmp")][0] == "a red field"
    assert said[str(photos / "1.bmp")][0] == ""


def test_a_filter(library: search.Library, photos: Path, tmp_path: Path) -> None:
    where = search.Filter(path=str(photos / "in"))
    found = library.export(tmp_path / "out", format="npy", where=where)
    rows = [json.loads(line) for line in (tmp_path / "out" / "items.jsonl").read_text().splitlines()]
    assert (found.images, found.texts) == (3, 1)
    assert {Path(row["path"]).parent.name for row in rows} == {"in"}
    nothing = library.export(tmp_path / "none", format="npy", where=search.Filter(type="png"))
    assert (nothing.images, nothing.texts, (tmp_path / "none").exists()) == (0, 0, False)


@needs_pyarrow
def test_without_captions_there_is_no_folder_for_them(library: search.Library, tmp_path: Path) -> None:
    library.export(tmp_path / "out", format="clip-retrieval", where=search.Filter(name="1.bmp"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["export.json", "img_emb", "metadata"]


def test_places_that_are_refused(library: search.Library, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter.txt").write_text("mine")
    for out, said in (
        (full, "holds other files; name an empty or a new folder"),
        (full / "letter.txt", "is a file, and an export is a folder"),
        (tmp_path / "no" / "out", f"There is no folder {tmp_path / 'no'}"),
        (library.folder, "holds other files"),
    ):
        with pytest.raises(UsageError, match=said):
            library.export(out, format="npy", replace=True)
    assert (full / "letter.txt").read_text() == "mine"


def test_an_earlier_export_is_replaced_where_that_is_asked(library: search.Library, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    library.export(out, format="npy", where=search.Filter(name="1.bmp"))
    with pytest.raises(UsageError, match=r"holds an export of 20.*give `replace=True`"):
        library.export(out, format="npy")
    assert library.export(out, format="npy", replace=True).images == 7
    assert len(np.load(out / "vectors.npy")) == 10
    (out / "mine.txt").write_text("a note")
    with pytest.raises(UsageError, match="holds other files"):
        library.export(out, format="npy", replace=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


class StoppedError(Exception):
    """What a listener raises in the middle."""


class Stopping:
    """Follows `Progress`."""

    def phase(self, name: str) -> None:
        """Go on."""

    def total(self, files: int) -> None:
        """Go on."""

    def advance(self, files: int) -> None:
        """No further."""
        raise StoppedError


@pytest.mark.parametrize(
    "name", ["npy", *(pytest.param(each, marks=needs_pyarrow) for each in ("parquet", "clip-retrieval"))]
)
def test_what_is_stopped_leaves_what_was_there(library: search.Library, tmp_path: Path, name: Any) -> None:
    with pytest.raises(StoppedError):
        library.export(tmp_path / "out", format=name, progress=Stopping())
    assert list(tmp_path.iterdir()) == []
    library.export(tmp_path / "out", format="npy")
    before = (tmp_path / "out" / "vectors.npy").read_bytes()
    with pytest.raises(StoppedError):
        library.export(tmp_path / "out", format=name, replace=True, progress=Stopping())
    assert (tmp_path / "out" / "vectors.npy").read_bytes() == before


def test_a_full_disk(library: search.Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NpyFile, "write", fail)
    with pytest.raises(UsageError, match=r"cannot be written to .*out \(no space left on device\); free some space"):
        library.export(tmp_path / "out", format="npy")
    assert list(tmp_path.iterdir()) == []


@needs_pyarrow
def test_a_full_disk_under_a_table(library: search.Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "sync", fail)
    with pytest.raises(UsageError, match="no space left on device"):
        library.export(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_damaged_vectors_are_left_out_and_counted(photos: Path, tmp_path: Path) -> None:
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
        store = Store.create(library.folder)
        with store.catalog.batch() as batch:
            batch.write(vector.update().where(vector.c.content_id == 1).values(data=b"\0" * 16))
        store.close()
        found = library.export(tmp_path / "out", format="npy")
    assert (found.images, found.texts, found.left_out) == (6, 3, 1)
    assert len(np.load(tmp_path / "out" / "vectors.npy")) == 9


def test_without_pyarrow_it_says_what_installs_it(
    library: search.Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"`pip install 'pyarrow>=17'` installs it, and `format='npy'` needs none"):
        library.export(tmp_path / "out")


def test_the_command(cli: Cli, library: search.Library, photos: Path, tmp_path: Path) -> None:
    out, store = tmp_path / "out", library.folder
    done = cli("export", out, "--format", "npy", "type:bmp", f"path:{photos / 'in'}", "-s", store)
    assert (done.code, done.out.split(", ")[0]) == (0, f"{out} has 3 images and 1 text now")
    again = cli("export", out, "--format", "npy", "-s", store)
    assert (again.code, "give --replace to put a new one" in again.err) == (2, True)
    found = json.loads(cli("export", out, "--format", "npy", "--replace", "--json", "-s", store).out)
    assert (found["images"], found["texts"], found["encoder"]) == (7, 3, "colours")
    none = cli("export", tmp_path / "none", "--format", "npy", "type:png", "-s", store)
    assert (none.code, none.out) == (1, "Nothing to export, and nothing was written.\n")
    assert "--format takes parquet, npy, clip-retrieval" in cli("export", out, "--format", "csv", "-s", store).err
    assert "A filter has fields alone" in cli("export", out, "a", "cat", "-s", store).err
