"""A store that came from somewhere else: what lies in it under our names is not followed, believed or waited for."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from indexer.encoder_hint import HINT_NAME, read_encoder_hint
from indexer.errors import EncoderUnavailableError, StoreDamagedError, StoreUnwritableError, UsageError
from indexer.images.sniff import is_image
from indexer.in_hand import IN_HAND, left_in_hand
from indexer.json_digest import json_digest
from indexer.store import writer
from indexer.vectors.backends.faiss_files import manifest
from search.calibration import calibration_file
from search.library import Library
from search.rerank import reranker_files
from tests.fixtures.colour_encoder import ColourEncoder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and pipes")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (16, 16), "red").save(tmp_path / "photos" / "red.png")
    with Library(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "photos")
    return tmp_path / "s"


@pytest.mark.parametrize("name", ["writer.pid", "writer.lock", HINT_NAME, "vectors/image.json", IN_HAND])
def test_nothing_is_written_through_a_link(store: Path, name: str) -> None:
    precious = store.parent / "precious"
    precious.write_text("precious")
    (store / name).unlink(missing_ok=True)
    (store / name).symlink_to(precious)
    Image.new("RGB", (16, 16), "blue").save(store.parent / "photos" / "blue.png")
    with Library(store, encoder=ColourEncoder()) as library:
        if name == "writer.lock":
            with pytest.raises(StoreUnwritableError):
                library.index()
        else:
            library.index()
            assert len(library.query("red")) == 2
    assert precious.read_text() == "precious"


def journal_that_names(path: Path, catalog: Path) -> bytes:
    """A rollback journal of a transaction that the database was part of, with others; nothing is to be undone."""
    page = int.from_bytes(catalog.read_bytes()[16:18], "big")
    magic = bytes.fromhex("d9d505f920a163d7")
    head = magic + struct.pack(">IIIII", 0, 0, catalog.stat().st_size // page, 512, page)
    name = os.fsencode(path)
    return (
        head.ljust(512, b"\0")
        + struct.pack(">I", 0x40000000 // page + 1)
        + name
        + struct.pack(">II", len(name), sum(name))
        + magic
    )


@pytest.mark.parametrize("linked", [False, True])
def test_a_journal_deletes_no_file(store: Path, linked: bool) -> None:
    """SQLite deletes what a hostile journal names, on a mere query."""
    precious = store.parent / "precious"
    precious.write_text("precious")
    catalog = store / "catalog.sqlite"
    if linked:
        catalog = catalog.rename(store.parent / "elsewhere.sqlite")
        (store / "catalog.sqlite").symlink_to(catalog)
    journal = catalog.with_name(catalog.name + "-journal")
    journal.write_bytes(journal_that_names(precious, catalog))
    with (
        Library(store, encoder=ColourEncoder()) as library,
        pytest.raises(StoreDamagedError, match="would delete the file that it names; remove it"),
    ):
        library.query("red")
    assert precious.read_text() == "precious"
    with sqlite3.connect(catalog) as connection:  # the check of the above: SQLite alone
        connection.execute("SELECT count(*) FROM sqlite_schema")
    connection.close()
    assert not precious.exists()


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_what_sqlite_would_write_into_is_no_link(store: Path, end: str) -> None:
    precious = store.parent / "precious"
    precious.write_text("precious" * 9_000)
    (store / f"catalog.sqlite{end}").symlink_to(precious)
    with Library(store, encoder=ColourEncoder()) as library:
        for work in (library.index, lambda: library.query("red")):
            with pytest.raises(StoreDamagedError, match="SQLite would write into what it leads to"):
                work()
        with suppress(StoreDamagedError):  # it sets the log aside with the damaged catalog, the link as a link
            library.repair()
            assert len(library.query("red")) == 1
    assert precious.read_text() == "precious" * 9_000


@pytest.mark.parametrize("content", [b"[" * 50_000, b"{" * 9, b"\xff", b"[]", b'{"preprocessing": 3}', b" " * 10**6])
def test_a_hint_of_anything_is_no_hint(store: Path, content: bytes) -> None:
    (store / HINT_NAME).write_bytes(content)
    assert read_encoder_hint(store) is None
    with Library(store, encoder=ColourEncoder()) as library:
        library.index()
    assert read_encoder_hint(store) == ColourEncoder().identity


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.npy", "a/b.npy", ".."])
def test_a_manifest_names_files_beside_it_alone(store: Path, name: str) -> None:
    path = manifest.manifest_path(store / "vectors", "image")
    content = json.loads(path.read_bytes())
    del content["digest"]
    content["file"] = name
    path.write_text(json.dumps(content | {"digest": json_digest(content)}))
    with pytest.raises(StoreDamagedError, match="it names a file that lies elsewhere"):
        manifest.read_manifest(store / "vectors", "image")


@pytest.mark.parametrize("field", ["state", "file", "dimension"])
def test_a_manifest_without_a_field_is_damaged(store: Path, field: str) -> None:
    path = manifest.manifest_path(store / "vectors", "image")
    content = json.loads(path.read_bytes())
    del content["digest"], content[field]
    path.write_text(json.dumps(content | {"digest": json_digest(content)}))
    with pytest.raises(StoreDamagedError, match="it is not a manifest"):
        manifest.read_manifest(store / "vectors", "image")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert not is_image(str(tmp_path / "pipe.png"))
    assert not is_image("/dev/zero")
    os.mkfifo(tmp_path / HINT_NAME)
    assert read_encoder_hint(tmp_path) is None
    os.mkfifo(tmp_path / IN_HAND)
    assert left_in_hand(tmp_path) == []
    os.mkfifo(tmp_path / "image.json")
    with pytest.raises(StoreDamagedError, match="no regular file"):
        manifest.read_manifest(tmp_path, "image")
    os.mkfifo(tmp_path / "calibration.json")
    with pytest.raises(UsageError, match="no regular file"):
        calibration_file.read(tmp_path / "calibration.json")
    os.mkfifo(tmp_path / "reranker.json")
    with pytest.raises(EncoderUnavailableError, match="no regular file"):
        reranker_files.describe(tmp_path)


@pytest.mark.parametrize("name", [IN_HAND, "vectors/image.json", "writer.pid", "calibration.json"])
def test_a_pipe_in_a_store_keeps_nobody_waiting(store: Path, name: str) -> None:
    (store / name).unlink(missing_ok=True)
    os.mkfifo(store / name)
    with Library(store, encoder=ColourEncoder()) as library:
        library.index()
        assert [Path(hit.path).name for hit in library.query("red")] == ["red.png"]


@pytest.mark.parametrize("name", ["writer.pid", IN_HAND])
def test_a_folder_in_the_place_of_a_note(store: Path, name: str) -> None:
    (store / name / "inside").mkdir(parents=True)
    with Library(store, encoder=ColourEncoder()) as library:
        if name == "writer.pid":
            with pytest.raises(StoreUnwritableError, match=r"take away what lies at .*writer\.pid"):
                library.index()
            assert writer(store) is None  # the lock was let go of
        else:
            library.index()
        assert len(library.query("red")) == 1
