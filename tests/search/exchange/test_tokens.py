"""Tokens go along where that is asked, and reranked answers are the same on the other side."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import search
from indexer.catalog.encoders import Encoders
from indexer.catalog.tokens import Tokens
from indexer.errors import UsageError
from indexer.settings import IndexSettings
from indexer.store import Store
from search.exchange import batches
from search.exchange.manifest import Manifest
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.search.exchange.test_import import FORMATS, collection, needs_pyarrow


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", 3)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return collection(tmp_path / "photos", 3)


def made(folder: Path, photos: Path, encoder: ColourEncoder | None = None) -> search.Library:
    library = search.open(folder, encoder=encoder or ColourTokenEncoder())
    library.index(photos)
    return library


def tokens(store: Path) -> dict[tuple[str, str], bytes]:
    """By path and text, bit by bit."""
    opened = Store.open(store)
    try:
        with opened.catalog.snapshot() as snapshot:
            row, _ = Encoders(snapshot).required()
            shape = Tokens(snapshot).shape(row)
            with search.open(store, encoder=ColourTokenEncoder()) as library:
                items = {
                    item.id: (item.path, item.text or "")
                    for kind in ("image", "text")
                    for item in library.items(kind=kind)
                }
            found = {} if shape is None else Tokens(snapshot).of_items(list(items), row, shape.width)
            return {items[number]: own.tobytes() for number, own in found.items()}
    finally:
        opened.close()


@pytest.mark.parametrize("name", FORMATS)
def test_there_and_back(photos: Path, tmp_path: Path, name: Any) -> None:
    with made(tmp_path / "a", photos) as first:
        found = first.export(tmp_path / "out", format=name, tokens=True)
    assert found.tokens == found.images + found.texts > 3
    manifest = Manifest.read(tmp_path / "out")
    assert manifest is not None
    assert manifest.tokens == ColourTokenEncoder().token_shape
    encoder = ColourTokenEncoder()
    with search.open(tmp_path / "b", encoder=encoder) as second:
        came = second.import_from(tmp_path / "out")
        assert (came.tokens > 0, came.tokens_left_out) == (True, False)
        before = encoder.images
        report = second.index()
        assert (encoder.images, report.encoded) == (before, 0)
        assert name == "clip-retrieval" or report.tokens_added == 0
    assert tokens(tmp_path / "b") == tokens(tmp_path / "a")


@pytest.mark.parametrize("name", FORMATS)
def test_a_reranked_query_gives_the_same_list(indexed: Path, tmp_path: Path, name: Any) -> None:
    with search.open(indexed) as first, search.open(tmp_path / "s") as second:
        first.export(tmp_path / "out", format=name, tokens=True)
        second.import_from(tmp_path / "out")
        if name == "clip-retrieval":  # its captions, which speak for photographs, come with the next run
            assert second.index().encoded == 0
        for words in ("a cat looks at the camera", "a cup of coffee"):
            wanted, found = first.query(words, k=20, rerank=20), second.query(words, k=20, rerank=20)
            assert wanted.work.reranked == found.work.reranked == 20
            assert [(hit.path, hit.score, hit.similarity) for hit in found] == [
                (hit.path, hit.score, hit.similarity) for hit in wanted
            ]


def test_nobody_asked(photos: Path, tmp_path: Path) -> None:
    with made(tmp_path / "a", photos) as first:
        assert first.export(tmp_path / "out", format="npy").tokens == 0
    assert "tokens" not in json.loads((tmp_path / "out" / "export.json").read_text())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["export.json", "items.jsonl", "vectors.npy"]
    assert '"tokens"' not in (tmp_path / "out" / "items.jsonl").read_text()
    with search.open(tmp_path / "b", encoder=ColourTokenEncoder()) as second:
        found = second.import_from(tmp_path / "out")
    assert (found.tokens, found.tokens_left_out) == (0, False)


def test_tokens_that_the_store_does_not_keep_are_left_out(photos: Path, tmp_path: Path) -> None:
    with made(tmp_path / "a", photos) as first:
        first.export(tmp_path / "out", format="npy", tokens=True)
    with search.open(tmp_path / "b", encoder=ColourTokenEncoder()) as second:
        second.index(photos, settings=IndexSettings(tokens=False))
        found = second.import_from(tmp_path / "out")
        assert (found.tokens, found.tokens_left_out) == (0, True)
        with pytest.raises(UsageError, match=r"keeps no tokens; `index\(settings=IndexSettings\(tokens=True\)\)`"):
            second.export(tmp_path / "none", format="npy", tokens=True)
    with search.open(tmp_path / "c", encoder=ColourTokenEncoder(recipe=2)) as third:
        found = third.import_from(tmp_path / "out")
        assert (found.images > 0, found.tokens, found.tokens_left_out) == (True, 0, True)


def test_a_row_without_tokens_stays_without(photos: Path, tmp_path: Path) -> None:
    """The next run makes them."""
    made(tmp_path / "a", photos).close()
    store = Store.open(tmp_path / "a")
    with store.catalog.batch() as batch:
        Tokens(batch).delete([(1, 1)])
    store.close()
    with search.open(tmp_path / "a", encoder=ColourTokenEncoder()) as first:
        found = first.export(tmp_path / "out", format="npy", tokens=True)
    assert found.tokens < found.images + found.texts
    with search.open(tmp_path / "b", encoder=ColourTokenEncoder()) as second:
        second.import_from(tmp_path / "out")
        assert second.index().tokens_added == 1
    assert len(tokens(tmp_path / "b")) == found.images + found.texts


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda own: own[:-1], "it lacks tokens of its table"),
        (lambda own: np.concatenate([own, own[:1]]), "it has more tokens than its table"),
        (lambda own: own.astype(np.float32), r"it is no matrix \(n, 4\) of int8"),
        (lambda own: own[:, :3], r"it is no matrix \(n, 4\) of int8"),
    ],
)
def test_damaged_tokens_are_refused(photos: Path, tmp_path: Path, change: Any, said: str) -> None:
    with made(tmp_path / "a", photos) as first:
        first.export(tmp_path / "out", format="npy", tokens=True)
    path = tmp_path / "out" / "tokens.npy"
    np.save(path, change(np.load(path)))
    with search.open(tmp_path / "b", encoder=ColourTokenEncoder()) as second, pytest.raises(UsageError, match=said):
        second.import_from(tmp_path / "out")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("count", [-1, 9, "4", None, True])
def test_a_table_that_lies_about_its_tokens_is_refused(photos: Path, tmp_path: Path, count: object) -> None:
    with made(tmp_path / "a", photos) as first:
        first.export(tmp_path / "out", format="npy", tokens=True)
    table = tmp_path / "out" / "items.jsonl"
    lines = [json.loads(line) for line in table.read_text().splitlines()]
    lines[0]["tokens"] = count
    table.write_text("".join(json.dumps(line) + "\n" for line in lines))
    second = search.open(tmp_path / "b", encoder=ColourTokenEncoder())
    with pytest.raises(UsageError, match="a row of its table says that it has"):
        second.import_from(tmp_path / "out")
    assert not (tmp_path / "b").exists()


@needs_pyarrow
def test_damaged_tokens_of_a_table_are_refused(photos: Path, tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    with made(tmp_path / "a", photos) as first:
        first.export(tmp_path / "out", tokens=True)
    path = tmp_path / "out" / "items-0000.parquet"
    table = parquet.read_table(path)
    odd = pyarrow.array([b"123"] * len(table), pyarrow.binary())
    parquet.write_table(table.set_column(table.column_names.index("tokens"), "tokens", odd), path)
    second = search.open(tmp_path / "b", encoder=ColourTokenEncoder())
    with pytest.raises(UsageError, match="it is no table of an export"):
        second.import_from(tmp_path / "out")


def test_the_command(cli: Cli, indexed: Path, tmp_path: Path) -> None:
    done = cli("export", tmp_path / "out", "--format", "npy", "--tokens", "name:coffee*", "-s", indexed)
    assert (done.code, ", tokens of 2, " in done.out) == (0, True)
    again = cli("import", tmp_path / "out", "-s", tmp_path / "s")
    assert "2 contents came with tokens for the reranker." in again.out
    shutil.rmtree(tmp_path / "s")
    found = json.loads(cli("import", tmp_path / "out", "-s", tmp_path / "s", "--json").out)
    assert (found["tokens"], found["tokens_left_out"]) == (2, False)
