"""Who may read a store: its owner alone, until the owner shares its catalog; what is written later follows that."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from indexer.atomic import write_atomically
from indexer.private import is_shared, make_folder
from search.library import Library
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.paths import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="on Windows the folder's rights decide")


@pytest.fixture(params=[0o000, 0o022], autouse=True)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def save_plain(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (16, 16), colour).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name, colour in (("a", (255, 0, 0)), ("b", (0, 255, 0)), ("c", (0, 0, 255))):
        save_plain(folder / f"{name}.png", colour)
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def modes(store: Path) -> dict[str, int]:
    return {path.name: mode(path) for path in store.rglob("*") if not path.is_dir()}


def index(store: Path, photos: Path) -> None:
    with Library(store, encoder=ColourEncoder()) as library:
        assert not library.index(photos).failures


def test_a_new_store_is_its_owners_alone(tmp_path: Path, photos: Path) -> None:
    store = tmp_path / "deep" / "photos.search"
    index(store, photos)
    found = modes(store)
    assert {"catalog.sqlite", "encoder.json", "writer.lock", "image.json"} <= found.keys()
    assert set(found.values()) == {0o600}
    assert mode(store) == mode(store / "vectors") == 0o700
    assert mode(tmp_path / "deep") == 0o777 & ~current_umask()  # not ours


def test_what_is_written_into_a_shared_store_is_shared(tmp_path: Path, photos: Path) -> None:
    store = tmp_path / "photos.search"
    index(store, photos)
    subprocess.run(["chmod", "-R", "a+rX", str(store)], check=True)
    for path in (store / "vectors").iterdir():
        path.unlink()
    (store / "vectors").rmdir()
    (store / "encoder.json").unlink()
    (store / "writer.lock").unlink()
    index(store, photos)
    found = modes(store)
    assert {"catalog.sqlite", "encoder.json", "writer.lock", "image.json"} <= found.keys()
    assert set(found.values()) == {0o644}
    assert mode(store) == mode(store / "vectors") == 0o755


def test_the_log_of_the_catalog_and_the_note_of_the_writer_are_like_it(tmp_path: Path, photos: Path) -> None:
    from indexer.store import Store

    for shared, expected in ((False, 0o600), (True, 0o640)):
        folder = tmp_path / f"{shared}.search"
        index(folder, photos)
        (folder / "catalog.sqlite").chmod(expected)
        store = Store.create(folder)
        with store.writing(), store.catalog.batch() as batch:
            batch.connection.exec_driver_sql("UPDATE meta SET value = value")
            found = modes(folder)
            assert {name: found[name] for name in ("catalog.sqlite-wal", "catalog.sqlite-shm", "writer.pid")} == {
                "catalog.sqlite-wal": expected,
                "catalog.sqlite-shm": expected,
                "writer.pid": expected,
            }
        store.close()


def test_a_folder_that_was_there_keeps_its_bits(tmp_path: Path, photos: Path) -> None:
    store = tmp_path / "photos.search"
    store.mkdir(0o755)
    store.chmod(0o755)
    index(store, photos)
    assert mode(store) == 0o755
    assert set(modes(store).values()) == {0o600}


def test_a_store_of_an_earlier_version_is_never_closed(tmp_path: Path, photos: Path) -> None:
    store = tmp_path / "photos.search"
    index(store, photos)
    subprocess.run(["chmod", "-R", "a+rX", str(store)], check=True)
    before = modes(store)
    save_plain(photos / "d.png", (255, 255, 255))
    index(store, photos)
    assert {name: bits for name, bits in modes(store).items() if name in before} == dict.fromkeys(
        before.keys() & modes(store).keys(), 0o644
    )


@pytest.mark.parametrize("bits", [0o600, 0o644])
def test_a_repaired_catalog_has_the_bits_of_the_damaged_one(tmp_path: Path, photos: Path, bits: int) -> None:
    store = tmp_path / "photos.search"
    index(store, photos)
    (store / "catalog.sqlite").chmod(bits)
    with (store / "catalog.sqlite").open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 4096)
    with Library(store, encoder=ColourEncoder()) as library:
        assert any(finding.part == "catalog" for finding in library.repair())
        assert len(library.query("red")) == 3
    assert {path.name: mode(path) for path in store.glob("catalog.sqlite*")} == {
        path.name: bits for path in store.glob("catalog.sqlite*")
    }


def test_whether_others_can_read_it_is_known(tmp_path: Path, photos: Path) -> None:
    store = tmp_path / "photos.search"
    index(store, photos)
    assert not is_shared(store)
    (store / "catalog.sqlite").chmod(0o644)
    assert not is_shared(store)  # nobody comes through the folder
    store.chmod(0o755)
    assert is_shared(store)
    (store / "catalog.sqlite").chmod(0o640)
    assert is_shared(store)
    store.chmod(0o705)
    assert not is_shared(store)


def test_folders_below_a_store_are_like_its_catalog(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").touch()
    (tmp_path / "catalog.sqlite").chmod(0o660)
    make_folder(tmp_path / "reranker.work" / "deeper")
    assert mode(tmp_path / "reranker.work") == mode(tmp_path / "reranker.work" / "deeper") == 0o770


def test_elsewhere_the_umask_decides(tmp_path: Path) -> None:
    write_atomically(tmp_path / "page.html", b"x")
    assert mode(tmp_path / "page.html") == 0o666 & ~current_umask()


@pytest.mark.parametrize("umask", [0o022], indirect=True)
def test_the_command_makes_a_private_store(tmp_path: Path, photos: Path) -> None:
    store = tmp_path / "photos.search"
    command = [sys.executable, "-m", "search", "index", str(photos), "--store", str(store), "--no-tokens", "-q"]
    subprocess.run(command, check=True, cwd=ROOT)
    assert set(modes(store).values()) == {0o600}
    assert mode(store) == mode(store / "vectors") == 0o700


def current_umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now
