"""Vectors page by page: all of them once, and none that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer.catalog import vector_pages
from indexer.catalog.catalog import Catalog
from indexer.catalog.files import Files
from indexer.catalog.items import Items
from indexer.catalog.vector_pages import VectorPages
from tests.fixtures.catalog_rows import add_photos, new_catalog, unit


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """Ten photographs, read three at a time."""
    monkeypatch.setattr(vector_pages, "_AT_ONCE", 3)
    made = new_catalog(tmp_path / "catalog.sqlite")
    with made.batch() as batch:
        add_photos(batch, 1, {f"/{number}.jpg": number for number in range(10)})
    yield made
    made.close()


def test_all_of_them_once_in_the_order_of_their_ids(catalog: Catalog) -> None:
    pages = VectorPages(catalog, 1, 3)
    batches = list(pages.batches())
    assert [len(ids) for ids, _ in batches] == [3, 3, 3, 1]
    ids, vectors = (np.concatenate(each) for each in zip(*batches, strict=True))
    assert ids.tolist() == sorted(ids.tolist()) == pages.ids().tolist()
    assert np.allclose(vectors, [unit(number) for number in range(10)])


def test_some_of_them(catalog: Catalog) -> None:
    pages = VectorPages(catalog, 1, 3)
    some = pages.ids()[::2]
    found = list(pages.vectors_of(np.append(some, 10_000)))
    assert np.concatenate([ids for ids, _ in found]).tolist() == some.tolist()
    assert np.allclose(np.concatenate([vectors for _, vectors in found]), [unit(number) for number in range(0, 10, 2)])


def test_paths_of_what_is_there(catalog: Catalog) -> None:
    ids = VectorPages(catalog, 1, 3).ids()
    with catalog.snapshot() as snapshot:
        assert Items(snapshot).paths(np.append(ids, 10_000)) == {number: f"/{at}.jpg" for at, number in enumerate(ids)}
    with catalog.batch() as batch:
        Files(batch).forget("/3.jpg")
    with catalog.snapshot() as snapshot:
        assert "/3.jpg" not in Items(snapshot).paths(ids).values()


def test_what_comes_or_goes_between_two_pages_is_passed_over(catalog: Catalog) -> None:
    seen = []
    for ids, _ in VectorPages(catalog, 1, 3).batches():
        seen += ids.tolist()
        if len(seen) == 3:
            with catalog.batch() as batch:
                Files(batch).forget("/4.jpg")
                add_photos(batch, 1, {"/new.jpg": 77})
    assert len(seen) == len(set(seen)) == 10
