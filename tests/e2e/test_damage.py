"""Damaged stores: every flipped bit is said, mended or changes no answer, and no lost page loses a photograph for good.

python -m pytest tests/e2e/test_damage.py                          60 bits, a page of each table: as `make test`
DAMAGE_FLIPS=1000 python -m pytest tests/e2e/test_damage.py        1,000, and more pages; DAMAGE_SEED=7 for others
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import search
from indexer.encoder_hint import read_encoder_hint
from indexer.encoders.base import Encoder
from indexer.encoders.registry import load_encoder
from indexer.errors import SearchError
from indexer.settings import models_folder
from indexer.vectors.base import IndexType
from search.calibration import calibration_file
from search.calibration.calibration_file import Calibration, Entry
from search.calibration.curve import ProbabilityCurve, Slopes, TypicalBackground
from search.query.query import Query
from search.query.settings import Target
from tests.fixtures.colour_encoder import COLOURS, ColourTokenEncoder
from tests.fixtures.colour_reranker import write_fusion
from tests.fixtures.damage import flip, overwrite, pages

pytestmark = pytest.mark.slow

FLIPS = int(os.environ.get("DAMAGE_FLIPS", "60"))
SEED = int(os.environ.get("DAMAGE_SEED", "5"))
#: Shares of the bits: of each store, and within it of the catalog.
SHARES = {"flat": 0.4, "ivf-sq8": 0.35, "bundled": 0.25}
OF_CATALOG = 0.5
#: Files that say nothing of what is indexed.
LEFT_ALONE = ("writer.lock", "writer.pid", "catalog.sqlite-wal", "catalog.sqlite-shm")

PHOTOGRAPHS, CAPTIONS = 100, 60
WORDS = [*COLOURS, "a red and blue thing", "green on black", "nothing of all this"]

Asked = tuple[str | Query, Target, int]


@dataclass(frozen=True)
class Undisturbed:
    """A store that is whole, what is asked of it, and its answers."""

    store: Path
    encoder: Encoder
    asked: Sequence[Asked]
    answers: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, store: Path, encoder: Encoder, asked: Sequence[Asked]) -> Undisturbed:
        with search.open(store, encoder=encoder) as library:
            answers = [_answer(library, one) for one in asked]
            assert library.check() == []
        assert all(answer["hits"] for answer in answers)
        assert not any(answer["notes"] for answer in answers)
        return cls(store, encoder, asked, answers)


def _answer(library: search.Library, asked: Asked) -> dict[str, Any]:
    query, to, k = asked
    found = library.query(query, to=to, k=k).to_json()
    del found["seconds"]
    json.dumps(found, allow_nan=False)
    return found


def paint(folder: Path, count: int = PHOTOGRAPHS) -> None:
    """Photographs of one colour each, with a date and a camera; captions beside some, and in a table of others."""
    chance = np.random.default_rng(3)
    rows = []
    for number in range(count):
        path = folder / f"album {number % 7}" / f"{number:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "Maker", f"Camera {number % 5}"
        exif[0x0132] = f"2024:0{1 + number % 9}:11 10:0{number % 10}:00"
        Image.new("RGB", (8, 8), tuple(int(part) for part in chance.integers(0, 256, 3))).save(path, exif=exif)
        caption = f"{WORDS[number % len(WORDS)]}, number {number}"
        if number % 3 == 0:
            path.with_suffix(".txt").write_text(caption)
        elif number % 3 == 1:
            rows.append({"image": str(path.relative_to(folder)), "caption": caption})
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage") / "photos"
    paint(folder)
    return folder


def _colours(folder: Path, photos: Path, index_type: IndexType) -> Undisturbed:
    encoder, store = ColourTokenEncoder(batch_size=64), folder / "s"
    with search.open(store, encoder=encoder) as library:
        library.index(photos, index_type=index_type)
    write_fusion(store / "reranker", encoder)
    fitted = ProbabilityCurve(-2.0, Slopes(3.0, 0.0, 1.2, 0.9), TypicalBackground(0.8, 0.05))
    entries = (Entry("text", "image", None, fitted, {"queries": 7}, 0.01), Entry("image", "text", None, fitted))
    calibration_file.write(store / calibration_file.NAME, Calibration(encoder.identity.weights, entries))
    photograph = Query(image=str(photos / "album 3" / "0003.jpg"))
    asked: list[Asked] = [
        ("red", "image", 10),
        ("green on black", "any", 400),
        ("a white thing", "text", 12),
        (photograph, "image", 10),
        (photograph, "text", 200),
    ]
    return Undisturbed.of(store, encoder, asked)


@pytest.fixture(scope="module")
def stores(photos: Path, indexed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Undisturbed]:
    """By name. The bundled one with a reranker and a calibration of its own."""
    made = {name: _colours(tmp_path_factory.mktemp(name), photos, name) for name in ("flat", "ivf-sq8")}
    store = Path(shutil.copytree(indexed, tmp_path_factory.mktemp("bundled") / "s"))
    shutil.copytree(models_folder() / "reranker", store / "reranker")
    shutil.copy(models_folder() / "bundled" / calibration_file.NAME, store)
    asked: list[Asked] = [
        ("a cat", "image", 10),
        ("a cup of coffee", "any", 100),
        (Query(image=str(indexed.parent / "photos" / "chelsea.png")), "text", 5),
    ]
    return {**made, "bundled": Undisturbed.of(store, load_encoder("bundled"), asked)}


def _files(store: Path) -> list[Path]:
    """What may be damaged."""
    found = [path for path in store.rglob("*") if path.is_file() and path.name not in LEFT_ALONE]
    return sorted(path for path in found if path.stat().st_size)


def _judge(undisturbed: Undisturbed, store: Path) -> str:
    """What became of a damaged store: "found" with what said so, or "harmless". Raises AssertionError for wrong answers
    that nothing is said of, and whatever is raised that is no SearchError."""
    said: list[str] = []
    wrong: list[str] = []
    read_encoder_hint(store)
    with search.open(store, encoder=undisturbed.encoder) as library:
        try:
            said += [finding.problem for finding in library.check()]
        except SearchError as error:
            said.append(str(error))
        for asked, right in zip(undisturbed.asked, undisturbed.answers, strict=True):
            try:
                found = _answer(library, asked)
            except SearchError as error:
                said.append(str(error))
                continue
            said += found["notes"]
            if found | {"notes": []} != right:
                wrong.append(f"{asked}: {_difference(right, found)}")
    assert said or not wrong, "nothing is said, and other answers: " + "; ".join(wrong)
    return f"found: {said[0]}" if said else "harmless"


def _difference(right: dict[str, Any], found: dict[str, Any]) -> str:
    if [hit["id"] for hit in right["hits"]] != [hit["id"] for hit in found["hits"]]:
        return f"{len(found['hits'])} hits instead of {len(right['hits'])}, or in another order"
    pairs = zip(right["hits"], found["hits"], strict=True)
    return next((f"{one} became {other}" for one, other in pairs if one != other), "another calibration")


@pytest.mark.parametrize("name", list(SHARES))
def test_every_flipped_bit_is_found_or_harmless(
    stores: dict[str, Undisturbed], tmp_path: Path, name: str, record_property: pytest.RecordProperty
) -> None:
    chance = random.Random(f"{SEED} {name}")
    undisturbed = stores[name]
    outcomes: list[tuple[str, str]] = []
    failures: list[str] = []
    for number in range(round(FLIPS * SHARES[name])):
        store = Path(shutil.copytree(undisturbed.store, tmp_path / str(number)))
        files = _files(store)
        catalog = store / "catalog.sqlite"
        path = catalog if chance.random() < OF_CATALOG else chance.choice([file for file in files if file != catalog])
        where = flip(path, chance)
        try:
            outcomes.append((where, _judge(undisturbed, store)))
        except Exception as error:
            failures.append(f"{where}: {type(error).__name__}: {str(error)[:600]}")
        shutil.rmtree(store)
    record_property("harmless", sum(outcome == "harmless" for _, outcome in outcomes))
    assert not failures, f"{len(failures)} of {len(failures) + len(outcomes)} bits:\n" + "\n".join(failures)
    assert any(outcome != "harmless" for _, outcome in outcomes)  # or nothing was damaged at all


def test_a_flipped_bit_of_what_was_compiled_is_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(cache: Path) -> bytes:
        monkeypatch.setenv("SEARCH_CACHE", str(cache))
        return load_encoder("bundled").encode_texts(["a red car", "two dogs"]).vectors.tobytes()

    asked(tmp_path / "whole")  # compiles
    right = asked(tmp_path / "whole")  # reads it back
    chance = random.Random(SEED)
    for number in range(max(1, FLIPS // 60)):
        cache = Path(shutil.copytree(tmp_path / "whole", tmp_path / str(number)))
        (blob,) = cache.rglob("*.blob")
        where = flip(blob, chance)
        damaged = blob.read_bytes()
        assert asked(cache) == right, where
        assert blob.read_bytes() != damaged, where
        shutil.rmtree(cache)


# -- pages --------------------------------------------------------------------------------------------------

#: Everything that can be found: (kind, path, caption).
Everything = set[tuple[str, str, str | None]]


def _everything(store: Path, encoder: Encoder) -> Everything:
    with search.open(store, encoder=encoder) as library:
        found: Everything = set()
        for to in ("image", "text"):
            hits = library.query("red", to=to, k=1_000, rerank=0)
            found |= {(hit.kind, path, hit.text) for hit in hits for path in (hit.path, *hit.also)}
        return found


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Undisturbed, Path, Everything]:
    """A store whose tables take several pages, its photographs, and everything that can be found in it."""
    folder = tmp_path_factory.mktemp("large")
    photos, store, encoder = folder / "photos", folder / "s", ColourTokenEncoder(batch_size=64)
    paint(photos, 300)
    with search.open(store, encoder=encoder) as library:
        library.index(photos)
        library.forget(photos / "album 6" / "0006.jpg")  # an exclusion, and tombstones
    return Undisturbed.of(store, encoder, [("red", "any", 10)]), photos, _everything(store, encoder)


TABLES = (
    "sqlite_schema", "claim", "content", "device", "encoder", "exclusion", "fact", "file", "folder", "item", "meta",
    "migration", "photo", "root", "token", "tombstone", "vector",
)  # fmt: skip


#: The root of each tree where it is no leaf, too, in the long form.
PLACES = ("leaf", "root") if FLIPS >= 1_000 else ("leaf",)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("table", TABLES)
def test_an_overwritten_page_loses_no_photograph_for_good(
    large: tuple[Undisturbed, Path, Everything], tmp_path: Path, table: str, place: str
) -> None:
    undisturbed, photos, expected = large
    store = Path(shutil.copytree(undisturbed.store, tmp_path / "s"))
    root, *others = pages(store / "catalog.sqlite")[table]
    if place == "root" and not others:
        pytest.skip("the table has one page")
    chance = random.Random(f"{SEED} {table} {place}")
    overwrite(store / "catalog.sqlite", chance.choice(others) if place == "leaf" and others else root, chance)
    with search.open(store, encoder=undisturbed.encoder) as library:
        assert library.check() != []
        library.repair()
        library.index(photos)
        assert library.check() == []
    found = _everything(store, undisturbed.encoder)
    assert len(expected) == 299 + len([one for one in expected if one[0] == "text"])
    assert expected - found == set()


def test_the_tables_are_all_of_the_catalog(large: tuple[Undisturbed, Path, Everything]) -> None:
    from indexer.catalog.schema import metadata

    assert {*TABLES} == {*metadata.tables, "sqlite_schema"}
    found = pages(large[0].store / "catalog.sqlite")
    assert len(found["item"]) > 3
    assert len(found["vector"]) > 3
