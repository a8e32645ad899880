"""A library that stays open is opened anew exactly when it would answer otherwise than a new one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from indexer.encoders.base import EncoderId
from indexer.errors import StoreMissingError, StoreTooNewError
from search.library import Library
from search.web.store_watch import StoreWatch
from tests.fixtures import damaged


class Watched(StoreWatch):
    """Counts how often the library was opened anew."""

    def __init__(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        library = Library(store)
        self.times = 0
        reopen = library.reopen

        def counted() -> None:
            self.times += 1
            reopen()

        monkeypatch.setattr(library, "reopen", counted)
        super().__init__(library)
        self.look()
        assert self.times == 0

    def is_opened_anew(self) -> bool:
        before = self.times
        self.look()
        return self.times > before


@pytest.fixture
def watch(store: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(store, monkeypatch)


def change(store: Path, statement: str) -> None:
    damaged.run(store / "catalog.sqlite", statement, sums=True)


def test_what_a_library_notices_by_itself(watch: Watched, store: Path) -> None:
    assert not watch.is_opened_anew()
    change(store, "UPDATE meta SET value = value + 1 WHERE key = 'generation'")
    assert not watch.is_opened_anew()


def test_another_store_at_the_same_place(watch: Watched, store: Path, tmp_path: Path) -> None:
    shutil.copytree(store, tmp_path / "other")
    shutil.rmtree(store)
    with pytest.raises(StoreMissingError):
        watch.look()
    assert watch.times == 1
    os.rename(tmp_path / "other", store)
    watch.look()
    assert not watch.is_opened_anew()


def test_another_catalog(watch: Watched, store: Path) -> None:
    shutil.copy(store / "catalog.sqlite", store / "aside")
    os.replace(store / "aside", store / "catalog.sqlite")
    assert watch.is_opened_anew()
    assert not watch.is_opened_anew()


def test_another_encoder(watch: Watched, store: Path) -> None:
    change(store, """UPDATE encoder SET identity = replace(identity, '"bundled"', '"another"')""")
    assert watch.is_opened_anew()
    assert not watch.is_opened_anew()


def test_a_newer_store_is_refused_each_time(watch: Watched, store: Path) -> None:
    change(store, "PRAGMA user_version = 99")
    for _ in range(2):
        with pytest.raises(StoreTooNewError):
            watch.look()


@pytest.mark.parametrize("form", ["ViT-B-32@{}", "local-dir:{}"])
def test_a_model_of_ones_own_that_changes(
    watch: Watched, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    model = tmp_path / "model"
    if form.startswith("local-dir"):
        model.mkdir()
    weights = model / "weights" if model.is_dir() else model
    weights.write_text("old")
    change(store, f"""UPDATE encoder SET identity = replace(identity, '"bundled"', '"{form.format(model)}"')""")
    assert watch.is_opened_anew()
    assert not watch.is_opened_anew()
    weights.write_text("newer")
    assert watch.is_opened_anew()
    assert not watch.is_opened_anew()


def test_after_that_the_models_are_loaded_anew(store: Path) -> None:
    with Library(store) as library:
        first = library.query("a cat", k=1)
        before = library._models.encoder(None)
        library.reopen()
        assert library.query("a cat", k=1).hits == first.hits
        assert library._models.encoder(None) is not before
        assert isinstance(before.identity, EncoderId)
