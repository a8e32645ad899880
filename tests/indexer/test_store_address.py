"""The address of a store on a server, and the folder that stands for it. No server is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.errors import StoreDamagedError, StoreUnwritableError, UsageError
from indexer.store import Store
from indexer.store_address import address_in, default_store, is_address, store_folder
from search.resident.socket_paths import store_of

ADDRESS = "postgresql://me@host:5433/photos"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def test_an_address_has_a_folder_of_its_own(home: Path) -> None:
    folder = store_folder(ADDRESS)
    assert folder.is_relative_to(home)
    assert folder == store_folder(ADDRESS) == store_folder(ADDRESS.replace("postgresql:", "postgres:"))
    assert folder != store_folder(f"{ADDRESS}2")
    assert str(address_in(folder)) == ADDRESS
    assert [path.name for path in folder.iterdir()] == ["catalog.url"]
    assert folder.stat().st_mode & 0o077 == 0


def test_a_path_stays_a_path(tmp_path: Path) -> None:
    assert store_folder(tmp_path) == store_folder(str(tmp_path)) == tmp_path
    assert address_in(tmp_path) is None
    assert not is_address("postgres.search")


def test_it_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_STORE", ADDRESS)
    assert default_store() == store_folder(ADDRESS)
    assert store_of(None) is None  # the ordinary way finds out
    assert store_of(ADDRESS) is None


@pytest.mark.parametrize("given", ["postgresql://", "postgresql://me@host", "postgresql://me@host:x/photos"])
def test_what_is_none_is_said(given: str) -> None:
    with pytest.raises(UsageError, match=r"it has the form postgresql://user@host:port/database\.$"):
        store_folder(given)


def test_a_password_is_refused_before_anything_is_written(home: Path) -> None:
    with pytest.raises(UsageError, match=r"give postgresql://me@host/photos, and the password in PGPASSWORD"):
        store_folder("postgresql://me:secret@host/photos")
    assert not home.exists()


@pytest.mark.parametrize(
    "given", ["mysql://me:secret@host/photos", "sqlite:///photos.db", "file:///home/me/photos.search"]
)
def test_the_address_of_something_else_is_no_folder(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = given.partition(":")[0]
    said = (
        rf"^A store lies in a folder or in PostgreSQL, and `store` names {scheme}://\.\.\.; give the path of a folder"
    )
    with pytest.raises(UsageError, match=said):
        store_folder(given)
    monkeypatch.setenv("SEARCH_STORE", given)
    with pytest.raises(UsageError, match=said):
        default_store()


def test_a_folder_that_cannot_be_made_is_said(home: Path) -> None:
    home.write_text("in the way")
    with pytest.raises(StoreUnwritableError, match=r"folder for the caches of postgresql://me@host:5433/photos cannot"):
        store_folder(ADDRESS)


def test_a_file_that_holds_no_address_is_said() -> None:
    folder = store_folder(ADDRESS)
    (folder / "catalog.url").write_bytes(b"\xff\n")
    with pytest.raises(StoreDamagedError, match="holds no address of a store; delete it"):
        Store.open(folder)
