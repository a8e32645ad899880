"""What was exported comes in again and answers as before, to the last bit; what others wrote is measured first."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import search
from indexer.encoders.base import EncoderId
from indexer.encoders.batches import try_out
from indexer.errors import EncoderMismatchError, PathNotFoundError, UsageError
from search.exchange import batches, rclip_source
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourEncoder
from tests.indexer.pipeline.test_run import paint

PYARROW = importlib.util.find_spec("pyarrow") is not None
needs_pyarrow = pytest.mark.skipif(not PYARROW, reason="the extra `parquet`")
FORMATS = ["npy", pytest.param("parquet", marks=needs_pyarrow), pytest.param("clip-retrieval", marks=needs_pyarrow)]
ASKED = ("red", "a green thing", "blue and red", "white")


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", 3)


def collection(folder: Path, seed: int) -> Path:
    """Photographs of any colours, copies among them, and captions of some."""
    chance = random.Random(seed)
    rows = []
    for number in range(chance.randrange(1, 12)):
        name = f"{chance.choice(('', 'in/'))}{number}.bmp"
        paint(folder / name, tuple(chance.randrange(256) for _ in range(3)), (16, 12 + number))  # type: ignore[arg-type]
        if chance.random() < 0.3:
            (folder / f"copy{number}.bmp").write_bytes((folder / name).read_bytes())
        if not number or chance.random() < 0.5:
            rows.append({"image": name, "captions": [chance.choice(ASKED), f"a text {number}"]})
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def made(folder: Path, photos: Path) -> search.Library:
    library = search.open(folder, encoder=ColourEncoder())
    library.index(photos)
    return library


def tried_out() -> int:
    """Pictures that an encoder of a program is tried out with, before it is trusted."""
    encoder = ColourEncoder()
    try_out(encoder)
    return encoder.images


def answers(library: search.Library, to: Any = "any") -> list[Any]:
    found = [library.query(words, k=50, to=to, all_copies=True) for words in ASKED]
    return [
        sorted((hit.path, hit.text or "", hit.kind, hit.score, hit.similarity, hit.date, hit.match) for hit in each)
        for each in found
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", FORMATS)
def test_there_and_back_answers_are_the_same_to_the_last_bit(tmp_path: Path, name: Any, seed: int) -> None:
    photos = collection(tmp_path / "photos", seed)
    with made(tmp_path / "a", photos) as first:
        first.export(tmp_path / "out", format=name)
        encoder = ColourEncoder()
        with search.open(tmp_path / "b", encoder=encoder) as second:
            found = second.import_from(tmp_path / "out")
            assert (encoder.images, found.cosine, found.roots) == (tried_out(), None, (str(photos),))
            assert (found.gone, found.changed, found.outside, found.damaged) == (0, 0, 0, 0)
            if name != "clip-retrieval":  # its captions come with the next run, from their tables
                assert answers(second) == answers(first)
            report = second.index()
            assert (encoder.images, report.encoded, report.failures, report.warnings) == (tried_out(), 0, [], [])
            assert answers(second) == answers(first)
            assert second.check() == []


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return collection(tmp_path / "photos", 3)


def test_what_is_gone_changed_or_forgotten_is_left_out(photos: Path, tmp_path: Path) -> None:
    for number in range(6):
        paint(photos / f"more{number}.bmp", (number * 40, 9, 9), (20, 20 + number))
    with made(tmp_path / "a", photos) as first:
        first.export(tmp_path / "out", format="npy")
    (photos / "more0.bmp").unlink()
    paint(photos / "more1.bmp", (1, 2, 3), (20, 21))
    with search.open(tmp_path / "b", encoder=ColourEncoder()) as second:
        second.index(photos / "more2.bmp")
        second.forget(photos / "more2.bmp")
        found = second.import_from(tmp_path / "out")
        assert (found.gone, found.changed) == (1, 1)
        names = {Path(item.path).name for item in second.items()}
        assert not names & {"more0.bmp", "more1.bmp"}
        assert second.index().encoded == 1
    with search.open(tmp_path / "c", encoder=ColourEncoder()) as third:
        (photos / "in").mkdir(exist_ok=True)
        found = third.import_from(tmp_path / "out", photos / "in")
        assert (found.roots, found.outside > 0) == ((str(photos / "in"),), True)
        assert all(item.path.startswith(str(photos / "in")) for item in third.items())


def test_into_a_store_that_has_some_already(photos: Path, tmp_path: Path) -> None:
    other = collection(tmp_path / "other", 5)
    with made(tmp_path / "a", photos) as first, made(tmp_path / "b", other) as second:
        first.export(tmp_path / "out", format="npy")
        before = {item.path: item.id for item in second.items()}
        second.import_from(tmp_path / "out")
        after = {item.path: item.id for item in second.items()}
        assert after.items() >= before.items()
        assert after.keys() == before.keys() | {item.path for item in first.items()}
        second.import_from(tmp_path / "out")
        assert {item.path: item.id for item in second.items()} == after
        assert [each.path for each in second.collections()] == sorted([str(photos), str(other)])


def test_another_encoder_is_refused(photos: Path, tmp_path: Path) -> None:
    with made(tmp_path / "a", photos) as first:
        first.export(tmp_path / "out", format="npy")
    with search.open(tmp_path / "b", encoder=ColourEncoder("2")) as second:
        with pytest.raises(EncoderMismatchError, match=r"was made with the encoder colours \(1\), not colours \(2\)"):
            second.import_from(tmp_path / "out")
        assert not (tmp_path / "b").exists()
        second.index(photos)
        with pytest.raises(EncoderMismatchError, match="import it into a store of its own"):
            second.import_from(tmp_path / "out")


def test_damaged_and_half_written_exports_are_refused(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with made(tmp_path / "a", photos) as first:
        first.export(out, format="npy")
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    pickled = tmp_path / "pickled.npy"
    np.save(pickled, np.array([{"a": 1}], object), allow_pickle=True)
    flat = tmp_path / "flat.npy"
    np.save(flat, np.zeros(8, np.float32))
    lines = whole["items.jsonl"].splitlines(keepends=True)
    for name, content, said in (
        ("vectors.npy", whole["vectors.npy"][:-20], "it is no matrix of numpy, or not whole"),
        ("vectors.npy", pickled.read_bytes(), "it is no matrix of numpy, or not whole"),
        ("vectors.npy", flat.read_bytes(), r"it is no matrix \(n, d\)"),
        ("vectors.npy", b"", "it is no matrix of numpy, or not whole"),
        ("items.jsonl", b"".join(lines[:-1]), "it ends after"),
        ("items.jsonl", lines[0][:-9] + b"\n" + b"".join(lines[1:]), "line 1 or one behind it does not read"),
        ("items.jsonl", b"[" * 100_000 + b"\n" + b"".join(lines[1:]), "does not read"),
        ("export.json", whole["export.json"][:50], "does not read as that of an export"),
    ):
        for file, kept in whole.items():
            (out / file).write_bytes(content if file == name else kept)
        with search.open(tmp_path / "b", encoder=ColourEncoder()) as second, pytest.raises(UsageError, match=said):
            second.import_from(out)
        assert not (tmp_path / "b").exists()


def test_damaged_vectors_are_counted(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with made(tmp_path / "a", photos) as first:
        count = first.export(out, format="npy").images
    vectors = np.load(out / "vectors.npy")
    vectors[0] = np.nan
    np.save(out / "vectors.npy", vectors)
    with search.open(tmp_path / "b", encoder=ColourEncoder()) as second:
        found = second.import_from(out)
        assert (found.images, found.damaged) == (count - 1, 1)


@needs_pyarrow
def test_folders_of_clip_retrieval(photos: Path, tmp_path: Path) -> None:
    """As `clip-retrieval inference` writes them: float16, no digests, no encoder."""
    import pyarrow
    from pyarrow import parquet

    with made(tmp_path / "a", photos) as first:
        items = list(first.items())
        vectors = first.vectors([item.id for item in items])[1]
        wanted = answers(first, "image")
    clip = tmp_path / "clip"
    (clip / "img_emb").mkdir(parents=True)
    (clip / "metadata").mkdir()
    np.save(clip / "img_emb" / "img_emb_0.npy", vectors.astype(np.float16))
    own = {name: ["the user's own"] * len(items) for name in ("digest", "path_bytes", "tokens")}
    table = pyarrow.table({"image_path": [item.path for item in items], "caption": [""] * len(items), **own})
    parquet.write_table(table, clip / "metadata" / "metadata_0.parquet")
    with search.open(tmp_path / "b", encoder=ColourEncoder()) as second:
        found = second.import_from(clip)
        assert (found.images, found.kind) == (len(items), "folder of clip-retrieval")
        assert found.cosine is not None
        assert found.cosine > 0.999
        assert [[hit[0] for hit in each] for each in answers(second, "image")] == [
            [hit[0] for hit in each] for each in wanted
        ]
    with search.open(tmp_path / "c") as third, pytest.raises(UsageError, match="name it with `encoder`"):
        third.import_from(clip)
    np.save(clip / "img_emb" / "img_emb_0.npy", vectors[:, ::-1].astype(np.float16))
    with search.open(tmp_path / "d", encoder=ColourEncoder()) as fourth:
        said = r"are not those of colours: of \d+ photographs .* the mean cosine is 0\.\d+"
        with pytest.raises(UsageError, match=said):
            fourth.import_from(clip)
    assert not (tmp_path / "d").exists()
    np.save(clip / "img_emb" / "img_emb_0.npy", vectors[:-1].astype(np.float16))
    fifth = search.open(tmp_path / "e", encoder=ColourEncoder())
    with pytest.raises(UsageError, match="its rows are not those of the"):
        fifth.import_from(clip)
    assert not (tmp_path / "e").exists()


def rclip(path: Path, rows: list[tuple[str, float, int, bytes]], version: int = 3) -> Path:
    """A database as rclip makes it: before 3.3 of version 3, then of version 4."""
    with closing(sqlite3.connect(path)) as made:
        made.execute(
            "CREATE TABLE images (id INTEGER PRIMARY KEY, deleted BOOLEAN, filepath TEXT NOT NULL UNIQUE, "
            "modified_at DATETIME NOT NULL, size INTEGER NOT NULL, vector BLOB NOT NULL, indexing BOOLEAN)"
        )
        if version >= 4:
            made.execute("ALTER TABLE images ADD COLUMN hash TEXT")
            made.execute("CREATE INDEX hash_index ON images(hash) WHERE deleted IS NULL")
        made.execute("CREATE TABLE db_version (version INTEGER)")
        made.execute("INSERT INTO db_version VALUES (?)", (version,))
        insert = "INSERT INTO images (filepath, modified_at, size, vector) VALUES (?, ?, ?, ?)"
        made.executemany(insert, rows)
        made.execute(insert, ("/gone/deleted.jpg", 1.0, 1, rows[0][3]))
        made.execute("UPDATE images SET deleted = 1 WHERE filepath = '/gone/deleted.jpg'")
        made.commit()
    return path


@pytest.mark.parametrize("version", [3, 4])
def test_a_database_of_rclip(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    monkeypatch.setattr(rclip_source, "DIMENSION", 4)
    with made(tmp_path / "a", photos) as first:
        items = list(first.items())
        vectors = first.vectors([item.id for item in items])[1]
        wanted = answers(first, "image")
    rows = [
        (item.path, os.stat(item.path).st_mtime, os.stat(item.path).st_size, own.tobytes())
        for item, own in zip(items, vectors, strict=True)
    ]
    base = rclip(tmp_path / "db", [*rows, (str(photos / "gone.bmp"), 1.0, 9, vectors[0].tobytes())], version)
    with search.open(tmp_path / "b", encoder=ColourEncoder()) as second:
        found = second.import_from(base)
        assert (found.images, found.gone, found.kind) == (len(items), 1, "database of rclip")
        assert [[hit[:2] for hit in each] for each in answers(second, "image")] == [
            [hit[:2] for hit in each] for each in wanted
        ]
    for unknown in (1, 5):
        other = rclip(tmp_path / f"db{unknown}", rows, unknown)
        third = search.open(tmp_path / "c", encoder=ColourEncoder())
        with pytest.raises(UsageError, match=f"a database of rclip of version {unknown}"):
            third.import_from(other)
    short = rclip(tmp_path / "short", [(*rows[0][:3], b"\0" * 8)])
    torn = tmp_path / "torn"
    torn.write_bytes(base.read_bytes()[:5_000])
    for wrong, said in ((short, "a vector of it has not 4 numbers"), (torn, "cannot be imported")):
        with search.open(tmp_path / "c", encoder=ColourEncoder()) as third, pytest.raises(UsageError, match=said):
            third.import_from(wrong)


@needs_pyarrow
def test_what_others_encoded_sideways_is_left_out(photos: Path, tmp_path: Path) -> None:
    """They ignore the EXIF orientation; the next run encodes these photographs as they are meant to be seen."""
    import pyarrow
    from pyarrow import parquet

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30), (200, 10, 10)).save(photos / "turned.jpg", exif=exif)
    with made(tmp_path / "a", photos) as first:
        items = list(first.items())
        vectors = first.vectors([item.id for item in items])[1]
        turned = [Path(item.path).name == "turned.jpg" for item in items]
    vectors[turned] = vectors[turned][:, ::-1]
    clip = tmp_path / "clip"
    for name in ("img_emb", "metadata"):
        (clip / name).mkdir(parents=True)
    np.save(clip / "img_emb" / "img_emb_0.npy", vectors)
    parquet.write_table(
        pyarrow.table({"image_path": [item.path for item in items]}), clip / "metadata/metadata_0.parquet"
    )
    with search.open(tmp_path / "b", encoder=ColourEncoder()) as second:
        found = second.import_from(clip)
        assert (found.images, found.turned) == (len(items) - 1, 1)
        assert second.index().encoded == 1


def test_folders_that_are_not_there_are_not_indexed(photos: Path, tmp_path: Path) -> None:
    """An export may come from another machine, or from a stranger."""
    out = tmp_path / "out"
    with made(tmp_path / "a", photos) as first:
        first.export(out, format="npy")
    said = json.loads((out / "export.json").read_text())
    (out / "export.json").write_text(json.dumps({**said, "roots": [*said["roots"], ["/not/here", []]]}))
    with search.open(tmp_path / "b", encoder=ColourEncoder()) as second:
        assert second.import_from(out).roots == (str(photos),)
    (out / "export.json").write_text(json.dumps({**said, "roots": [["/not/here", []]]}))
    third = search.open(tmp_path / "c", encoder=ColourEncoder())
    with pytest.raises(UsageError, match=r"None of the folders of .* is there \(first: /not/here\)"):
        third.import_from(out)
    for name in ("../secret.npy", "/etc/passwd"):
        (out / "export.json").write_text(json.dumps({**said, "files": [name]}))
        with pytest.raises(UsageError, match="does not read as that of an export"):
            third.import_from(out)
    assert not (tmp_path / "c").exists()


def test_what_is_no_source(photos: Path, tmp_path: Path) -> None:
    with search.open(tmp_path / "b", encoder=ColourEncoder()) as library:
        with pytest.raises(UsageError, match="is nothing that can be imported"):
            library.import_from(photos)
        with pytest.raises(PathNotFoundError, match="is not there"):
            library.import_from(tmp_path / "gone")


def test_the_command(cli: Cli, indexed: Path, tmp_path: Path) -> None:
    """The encoder that an export names is loaded by its name."""
    cli("export", tmp_path / "out", "--format", "npy", "name:coffee*", "-s", indexed)
    done = cli("import", tmp_path / "out", "-s", tmp_path / "s")
    assert (done.code, done.out.splitlines()[0].split(" came")[0]) == (0, "1 image and 1 text")
    found = json.loads(cli("import", tmp_path / "out", "-s", tmp_path / "s", "--json").out)
    assert (found["images"], found["roots"], found["cosine"]) == (1, [str(indexed.parent / "photos")], None)
    hit = json.loads(cli("query", "a cup of coffee", "-s", tmp_path / "s", "--json").out)["hits"][0]
    first = json.loads(cli("query", "a cup of coffee", "-s", indexed, "--no-rerank", "--json").out)["hits"][0]
    assert (hit["path"], hit["similarity"]) == (first["path"], first["similarity"])
    assert EncoderId.from_json(json.dumps(json.loads((tmp_path / "out" / "export.json").read_text())["encoder"]))
