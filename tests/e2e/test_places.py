"""`search index` of photographs that lie in no folder, by the shell: the same vectors as in one, the same answers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.catalog.encoders import Encoders
from indexer.catalog.items import Items
from indexer.catalog.vectors import Vectors
from indexer.store import Store
from tests.conftest import Cli
from tests.fixtures import places_of_files
from tests.fixtures.places_of_files import InMemory, tar_of

s3 = places_of_files.s3


@pytest.fixture(scope="module")
def files(real_photos: Path) -> dict[str, bytes]:
    """Four photographs, one with a caption beside it."""
    names = sorted(os.listdir(real_photos))[:4]
    found = {f"2024/{name}": (real_photos / name).read_bytes() for name in names}
    return {**found, f"2024/{os.path.splitext(names[0])[0]}.txt": b"a caption of its own"}


def root_of(kind: str, files: dict[str, bytes], base: Path, request: pytest.FixtureRequest) -> str:
    """The same files in a place of a kind, as a person names it."""
    if kind == "tar":
        (base / "shard-000.tar").write_bytes(tar_of(files))
        return str(base / "shard-*.tar")
    if kind == "s3":
        request.getfixturevalue("s3")
        from tests.fixtures.s3_server import InS3

        bucket = InS3()
        bucket.put(files)
        return bucket.root
    memory = InMemory()
    memory.put(files)
    pq.write_table(pa.table({"url": [f"{memory.root}/{name}" for name in files]}), base / "names.parquet")
    return str(base / "names.parquet")


def vectors(store: Path) -> dict[str, bytes]:
    """By the names of files, bit by bit."""
    opened = Store.open(store)
    try:
        with opened.catalog.snapshot() as snapshot:
            row, identity = Encoders(snapshot).required()
            items = Items(snapshot).get(list(range(1, 50)))
            held = Vectors(snapshot).of_items(list(items), row, identity.dimension)
            return {
                f"{os.path.basename(each.path)} {each.text}": np.asarray(held.vectors[number]).tobytes()
                for number, each in items.items()
            }
    finally:
        opened.close()


@pytest.mark.parametrize("kind", ["tar", "table", pytest.param("s3", marks=pytest.mark.scale)])
def test_the_same_files_give_the_same_vectors_and_a_second_run_reads_nothing(
    cli: Cli, kind: str, files: dict[str, bytes], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for name, data in files.items():
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(data)
    plain, store = tmp_path / "plain.search", tmp_path / "other.search"
    assert cli("index", tmp_path / "photos", "--store", plain, "-q").code == 0
    root = root_of(kind, files, tmp_path, request)
    first = cli("index", root, "--store", store, "--json")
    assert first.code == 0, first.err
    assert json.loads(first.out)["encoded"] == 4
    assert vectors(store) == vectors(plain) != {}
    again = cli("index", "--store", store, "--json")
    assert (json.loads(again.out)["encoded"], json.loads(again.out)["unchanged"]) == (0, 5)
    found = cli("query", "a photograph", "-k", "2", "--store", store, "--copy-to", tmp_path / "out", "--json")
    assert found.code == 0
    for hit in json.loads(found.out)["hits"]:
        name = os.path.basename(hit["path"])
        assert (tmp_path / "out" / name).read_bytes() == files[f"2024/{name}"]
    assert cli("doctor", "--store", store).code == 0


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("memory://nobody/photos", "memory://nobody/photos is not there; check the spelling, or the address"),
        ("s3://key:word@bucket/photos", "s3://bucket/photos holds a password or a key"),
        ("memory://nobody/*.tar", "Nothing matches memory://nobody/*.tar; check the pattern"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(cli: Cli, named: str, words: str, tmp_path: Path) -> None:
    answer = cli("index", named, "--store", tmp_path / "s.search")
    assert answer.code == 2
    assert words in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "s.search").exists()
