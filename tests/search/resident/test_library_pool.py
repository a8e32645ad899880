"""Libraries that stay open are opened anew exactly when they would answer otherwise than a new one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from indexer.errors import StoreMissingError, StoreTooNewError
from search.library import Library
from search.resident.library_pool import HELD, NotOursError, WarmLibraries
from tests.fixtures import damaged


def lent(libraries: WarmLibraries, store: Path, encoder: str | None = None) -> Library:
    with libraries.open(store, encoder) as library:
        return library


def change(store: Path, statement: str) -> None:
    damaged.run(store / "catalog.sqlite", statement, sums=True)


def test_a_library_stays_open(store: Path) -> None:
    libraries = WarmLibraries(store)
    first = lent(libraries, store)
    assert lent(libraries, store) is first
    change(store, "UPDATE meta SET value = value + 1 WHERE key = 'generation'")  # what it notices by itself
    assert lent(libraries, store) is first
    assert lent(libraries, store, "bundled") is not first
    assert lent(libraries, store) is first
    libraries.close()


def test_another_store_at_the_same_place_is_opened_anew(store: Path, tmp_path: Path) -> None:
    libraries = WarmLibraries(store)
    first = lent(libraries, store)
    shutil.copytree(store, tmp_path / "other")
    shutil.rmtree(store)
    with pytest.raises(StoreMissingError):
        lent(libraries, store)
    os.rename(tmp_path / "other", store)
    assert lent(libraries, store) is not first
    libraries.close()


def test_another_catalog_is_opened_anew(store: Path) -> None:
    libraries = WarmLibraries(store)
    first = lent(libraries, store)
    shutil.copy(store / "catalog.sqlite", store / "aside")
    os.replace(store / "aside", store / "catalog.sqlite")
    assert lent(libraries, store) is not first
    libraries.close()


def test_another_encoder_is_opened_anew(store: Path) -> None:
    libraries = WarmLibraries(store)
    first = lent(libraries, store)
    change(store, """UPDATE encoder SET identity = replace(identity, '"bundled"', '"another"')""")
    second = lent(libraries, store)
    assert second is not first
    assert lent(libraries, store) is second
    libraries.close()


def test_a_newer_store_is_refused(store: Path) -> None:
    libraries = WarmLibraries(store)
    lent(libraries, store)
    change(store, "PRAGMA user_version = 99")
    for _ in range(2):
        with pytest.raises(StoreTooNewError):
            lent(libraries, store)
    libraries.close()


def test_a_model_of_ones_own_that_changes_is_loaded_anew(store: Path, tmp_path: Path) -> None:
    libraries = WarmLibraries(store)
    (tmp_path / "weights.pt").write_text("old")
    (tmp_path / "model").mkdir()
    for name, path in (
        (f"ViT-B-32@{tmp_path / 'weights.pt'}", tmp_path / "weights.pt"),
        (f"local-dir:{tmp_path / 'model'}", tmp_path / "model" / "weights"),
    ):
        first = lent(libraries, store, name)
        assert lent(libraries, store, name) is first
        path.write_text("newer")
        assert lent(libraries, store, name) is not first
    libraries.close()


def test_another_store_is_not_ours_and_another_name_of_it_is(store: Path, tmp_path: Path) -> None:
    libraries = WarmLibraries(store)
    with pytest.raises(NotOursError):
        lent(libraries, tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(store)
    assert lent(libraries, tmp_path / "link").folder == tmp_path / "link"
    libraries.close()


def test_no_more_than_a_few_are_held(store: Path) -> None:
    libraries = WarmLibraries(store)
    first = lent(libraries, store)
    for number in range(HELD):
        lent(libraries, store, f"encoder-{number}")
    assert lent(libraries, store) is not first
    libraries.close()
