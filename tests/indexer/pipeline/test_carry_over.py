"""A store goes over to an encoder that maps the vectors of its own: nothing is read, and all is as if it had been."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import search
from indexer.catalog.encoders import Encoders
from indexer.catalog.tokens import Tokens
from indexer.catalog.vectors import Vectors
from indexer.encoders.base import Encoded, MapsVectors
from indexer.encoders.mapped_encoder import IMAGE, TEXT, MappedEncoder
from indexer.pipeline import carry_over
from indexer.store import Store
from indexer.types import Float32, Int8, Kind, Texts
from tests.fixtures.colour_encoder import ColourTokenEncoder

COLOURS = ("red", "green", "blue")
#: Every encoder is tried out with one row of each, which fills a batch.
TRIED = (4, 4)


class CountingEncoder(ColourTokenEncoder):
    """Counts texts too."""

    texts = 0

    def encode_texts(self, texts: Texts, *, tokens: bool = False) -> Encoded:
        self.texts += len(texts)
        return super().encode_texts(texts, tokens=tokens)


def adapted(inner: ColourTokenEncoder | None = None) -> MappedEncoder:
    rng = np.random.default_rng(0)
    maps = {side: (np.eye(4) + 0.3 * rng.normal(size=(4, 4))).astype(np.float32) for side in (IMAGE, TEXT)}
    inner = inner or CountingEncoder()
    return MappedEncoder(inner, replace(inner.identity, name="adapted:colours", weights="2"), maps)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for at, name in enumerate(COLOURS):
        for number in range(4):
            Image.new("RGB", (8 + number, 8 + at), name).save(folder / f"{name}-{number}.png")
    (folder / "captions.csv").write_text("image,caption\nred-0.png,a red thing\nblue-1.png,something blue\n")
    return folder


def indexed(store: Path, encoder: ColourTokenEncoder | MappedEncoder, photos: Path, *, reencode: bool = False) -> Path:
    with search.open(store, encoder=encoder) as library:
        report = library.index(reencode=True) if reencode else library.index(photos)
        assert not report.warnings
        assert report.encoder == encoder.identity.name
    return store


def rows(folder: Path) -> dict[str, tuple[Float32, Int8]]:
    """Vector and tokens of each content, by its digest, under the encoder that answers."""
    store = Store.open(folder)
    try:
        with store.catalog.snapshot() as snapshot:
            row, identity = Encoders(snapshot).required()
            digests = snapshot.connection.exec_driver_sql("SELECT id, hex(digest) FROM content").all()
            numbers = [each for each, _ in digests]
            vectors = Vectors(snapshot).of_contents(numbers, row, identity.dimension)
            tokens = Tokens(snapshot).of_contents(numbers, row, 4)
            return {digest: (vectors[number], tokens[number]) for number, digest in digests}
    finally:
        store.close()


def same(one: Path, other: Path) -> bool:
    found, wanted = rows(one), rows(other)
    assert found.keys() == wanted.keys()
    assert len(found) == 14
    return all(
        np.array_equal(vector, wanted[digest][0]) and np.array_equal(tokens, wanted[digest][1])
        for digest, (vector, tokens) in found.items()
    )


@pytest.fixture
def fresh(tmp_path: Path, photos: Path) -> Path:
    """A store that the adapted encoder made from the photographs."""
    return indexed(tmp_path / "fresh", adapted(), photos)


def test_nothing_is_encoded_and_the_bits_are_those_of_encoding(tmp_path: Path, photos: Path, fresh: Path) -> None:
    store = indexed(tmp_path / "store", CountingEncoder(), photos)
    inner = CountingEncoder()
    indexed(store, adapted(inner), photos, reencode=True)
    assert (inner.images, inner.texts) == TRIED
    assert same(store, fresh)
    with search.open(store, encoder=adapted()) as library:
        assert Path(library.query("green", k=1).hits[0].path).name.startswith("green")


def test_what_lies_on_a_drive_that_is_away_goes_over_too(tmp_path: Path, photos: Path, fresh: Path) -> None:
    store = indexed(tmp_path / "store", CountingEncoder(), photos)
    photos.rename(tmp_path / "away")
    with search.open(store, encoder=adapted()) as library:
        assert library.index(reencode=True).encoder == "adapted:colours"
    assert same(store, fresh)


def test_a_store_of_another_encoder_is_read(tmp_path: Path, photos: Path, fresh: Path) -> None:
    store = indexed(tmp_path / "store", CountingEncoder("3"), photos)
    inner = CountingEncoder()
    indexed(store, adapted(inner), photos, reencode=True)
    assert inner.images >= TRIED[0] + 12
    assert same(store, fresh)


def test_tokens_of_another_recipe_are_made_anew(tmp_path: Path, photos: Path, fresh: Path) -> None:
    store = indexed(tmp_path / "store", CountingEncoder(recipe=2), photos)
    inner = CountingEncoder()
    indexed(store, adapted(inner), photos, reencode=True)
    assert inner.images >= TRIED[0] + 12
    assert same(store, fresh)


@pytest.mark.parametrize("table", ["vector", "token"])
def test_what_is_damaged_is_read(tmp_path: Path, photos: Path, fresh: Path, table: str) -> None:
    store = indexed(tmp_path / "store", CountingEncoder(), photos)
    opened = Store.create(store)
    with opened.catalog.batch() as batch:
        batch.connection.exec_driver_sql(f"UPDATE {table} SET crc = crc + 1 WHERE content_id IN (2, 5)")
    opened.close()
    inner = CountingEncoder()
    indexed(store, adapted(inner), photos, reencode=True)
    assert inner.images == TRIED[0] + 4
    assert same(store, fresh)


def test_a_run_that_ended_goes_on(tmp_path: Path, photos: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carry_over, "BATCH", 3)
    store = indexed(tmp_path / "store", CountingEncoder(), photos)

    whole, calls = MappedEncoder.of_base, []

    def ending(self: MappedEncoder, vectors: Float32, kind: Kind) -> Float32:
        calls.append(len(vectors))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(self, vectors, kind)

    monkeypatch.setattr(MappedEncoder, "of_base", ending)
    with search.open(store, encoder=adapted()) as library, pytest.raises(KeyboardInterrupt):
        library.index(reencode=True)
    with search.open(store, encoder=CountingEncoder()) as library:  # the former answers meanwhile
        assert library.query("red", k=1).hits
    indexed(store, adapted(), photos, reencode=True)
    assert 0 < sum(calls[3:]) < len(rows(fresh))  # the first batch was kept
    assert same(store, fresh)


def test_which_encoders_map() -> None:
    assert isinstance(adapted(), MapsVectors)
    assert not isinstance(CountingEncoder(), MapsVectors)


def test_it_is_asked_for_alone(tmp_path: Path, photos: Path) -> None:
    """A plain run of a store maps nothing: it has all that it needs."""
    store = indexed(tmp_path / "store", adapted(), photos)
    inner = CountingEncoder()
    with search.open(store, encoder=adapted(inner)) as library:
        library.index()
    assert (inner.images, inner.texts) == (0, 0)
