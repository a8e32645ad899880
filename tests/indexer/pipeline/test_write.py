"""Writing by lists against writing one row at a time: the same catalog, row for row."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from indexer.catalog.catalog import Catalog
from indexer.catalog.encoders import Encoders
from indexer.catalog.files import Files
from indexer.catalog.items import Items
from indexer.catalog.sqlite import file_url
from indexer.catalog.vectors import Vectors
from indexer.pipeline.ingest import Ingest
from indexer.pipeline.values import CaptionFile, Failed, Ignored, KnownImage, NewImage, Prepared
from indexer.types import KINDS, Candidate, Caption, Metadata, Report
from tests.fixtures.colour_encoder import ColourEncoder, ColourTokenEncoder
from tests.fixtures.plain_writer import PlainIngest

#: Everything that two catalogs must share; row ids of files and contents are told by what they stand for.
ROWS = {
    "content": "SELECT digest, kind FROM content ORDER BY digest",
    "vector": "SELECT c.digest, encoder_id, data, crc FROM vector JOIN content c ON c.id = content_id ORDER BY 1, 2",
    "token": "SELECT c.digest, encoder_id, count, data, crc FROM token"
    " JOIN content c ON c.id = content_id ORDER BY 1, 2",
    "photo": "SELECT c.digest, p.* FROM photo p JOIN content c ON c.id = content_id ORDER BY 1",
    "file": "SELECT path, size, mtime_ns, ctime_ns, role, state, reason, f.digest, c.digest, format_reader FROM file f"
    " LEFT JOIN content c ON c.id = content_id ORDER BY path",
    "item": "SELECT i.id, f.path, i.kind, c.digest, i.about, text, generation FROM item i"
    " JOIN file f ON f.id = file_id JOIN content c ON c.id = i.content_id ORDER BY i.id",
    "tombstone": "SELECT * FROM tombstone ORDER BY item_id",
    "meta": "SELECT * FROM meta WHERE key != 'store' AND key != 'sweep' AND key NOT LIKE 'items:%' ORDER BY key",
}
#: Items that can be found, one by one.
VISIBLE = (
    "SELECT count(*) FROM item i JOIN file f ON f.id = file_id WHERE i.kind = ? AND f.state = 'present'"
    " AND NOT EXISTS (SELECT 1 FROM file d WHERE d.path = i.about AND d.state IN ('vanished', 'forgotten'))"
)
ENCODED = "EXISTS (SELECT 1 FROM vector v WHERE v.content_id = i.content_id AND v.encoder_id = 1)"

#: Sequences of steps that are tried. `make test` takes few.
SEQUENCES = int(os.environ.get("WRITE_SEQUENCES", "20"))

PATHS = st.sampled_from([f"/p/{name}" for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")])
SEEDS = st.integers(1, 5)
TEXTS = st.sampled_from(["red", "a green field", "blue", "white and black"])
#: (what, path, seed, texts, pixels): a file, told without the ids of a catalog.
FILES = st.tuples(
    st.sampled_from(["image", "image", "known", "captions", "other", "passed", "broken", "unreadable"]),
    PATHS,
    SEEDS,
    st.lists(TEXTS, max_size=3),
    st.booleans(),
)
STEPS = st.one_of(
    st.lists(FILES, max_size=8),
    st.tuples(st.sampled_from(["vanish", "return", "forget", "damage"]), st.lists(PATHS, max_size=3, unique=True)),
)


class Writer:
    """A catalog of its own, filled by one of the two ways."""

    def __init__(self, folder: Path, kind: type[Ingest], encoder: ColourEncoder, *, tokens: bool) -> None:
        self.catalog = Catalog.create(file_url(folder / kind.__name__ / "catalog.sqlite"))
        with self.catalog.batch() as batch:
            row = Encoders(batch).add(encoder.identity)
            Encoders(batch).activate(row)
        self.report = Report()
        self.ingest = kind(self.catalog, encoder, row, self.report, tokens=tokens)

    def rows(self, query: str, *values: object) -> list[Any]:
        with self.catalog.snapshot() as snapshot:
            return list(snapshot.connection.exec_driver_sql(query, values))

    def prepared(self, what: str, path: str, seed: int, texts: list[str], pixels: bool) -> Prepared:
        candidate = Candidate(path, seed, 7, len(texts))
        image = np.full((8, 8, 3), 40 * seed % 256, np.uint8)
        digest = bytes([seed]) * 32
        said = Metadata(seed, 8, "JPEG", captions=tuple(texts[:1]), keywords=tuple(texts[1:]))
        match what:
            case "image":
                return NewImage(candidate, digest, said, image)
            case "known":
                found = self.rows("SELECT id FROM content WHERE digest = ?", digest)
                if not found:
                    return NewImage(candidate, digest, said, image)
                return KnownImage(candidate, digest, found[0][0], said if texts else None, image if pixels else None)
            case "captions":
                captions = tuple(Caption(text, path if pixels else "/p/a.jpg") for text in texts)
                return CaptionFile(candidate, digest, captions, ("row 3 is empty",))
            case "other" | "passed":
                return Ignored(candidate, settled=what == "other")
            case _:
                return Failed(candidate, f"reason {seed}", passing=what == "unreadable")

    def step(self, step: Any) -> None:
        if isinstance(step, list):
            self.ingest.commit([self.prepared(*one) for one in step])
            return
        what, paths = step
        ids = [row[0] for path in paths for row in self.rows("SELECT id FROM file WHERE path = ?", path.encode())]
        contents = "SELECT content_id FROM file WHERE path = ? AND content_id IS NOT NULL"
        held = [row[0] for path in paths for row in self.rows(contents, path.encode())]
        with self.catalog.batch() as batch:
            if what == "vanish":
                Files(batch).mark_vanished(ids)
            elif what == "return":
                Files(batch).mark_present(ids)
            elif what == "forget":
                for path in paths:
                    Files(batch).forget(path)
            else:
                Vectors(batch).delete((number, 1) for number in held)

    def dump(self) -> dict[str, list[Any]]:
        return {name: [tuple(row) for row in self.rows(query)] for name, query in ROWS.items()}


def plain(dump: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Without the row ids of contents, that are in the first column of `photo`, and in the checksum before its last."""
    return dump | {"photo": [(row[0], *row[2:-2], row[-1]) for row in dump["photo"]]}


@given(st.lists(STEPS, min_size=1, max_size=6), st.booleans())
@settings(max_examples=SEQUENCES, deadline=None)
def test_both_ways_of_writing_leave_the_same_catalog(steps: list[Any], tokens: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        writers = [Writer(Path(name), kind, ColourTokenEncoder(), tokens=tokens) for kind in (Ingest, PlainIngest)]
        for step in steps:
            for writer in writers:
                writer.step(step)
            fast, slow = (plain(writer.dump()) for writer in writers)
            assert fast == slow
        writers[0].report.altered.clear()  # is not worked out file by file
        assert writers[0].report == writers[1].report
        for kind in KINDS:  # the numbers that are kept are those that there are
            statements = ("SELECT count(*) FROM item WHERE kind = ?", VISIBLE, f"{VISIBLE} AND {ENCODED}")
            there = [writers[0].rows(statement, kind)[0][0] for statement in statements]
            with writers[0].catalog.snapshot() as snapshot:
                kept = [Items(snapshot).total(kind), Items(snapshot).count(kind), Vectors(snapshot).count(kind, 1)]
            assert kept == there
        for writer in writers:
            with writer.catalog.snapshot() as snapshot:
                assert snapshot.integrity() == []
            writer.catalog.close()


@given(st.lists(FILES, max_size=8))
@settings(max_examples=20, deadline=None)
def test_a_batch_that_runs_twice_leaves_the_same_state(files: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        writer = Writer(Path(name), Ingest, ColourTokenEncoder(), tokens=True)
        once = list({file[1]: file for file in files}.values())  # a scan names a path once
        prepared = [writer.prepared(*file) for file in once]
        writer.ingest.commit(prepared)
        first = writer.dump()
        writer.ingest.commit(prepared)
        again = writer.dump()
        first.pop("meta")
        again.pop("meta")
        first["item"] = [row[:-1] for row in first["item"]]  # but for the generation
        again["item"] = [row[:-1] for row in again["item"]]
        assert again == first
        writer.catalog.close()


def test_a_batch_of_many_files_is_written_by_few_statements(tmp_path: Path) -> None:
    writer = Writer(tmp_path, Ingest, ColourEncoder(), tokens=False)
    executed: list[str] = []
    event.listen(writer.catalog._engine, "before_cursor_execute", lambda *given: executed.append(given[2]))
    counts = []
    for first, size in ((1, 4), (10, 200)):
        files = [("image", f"/p/{number}.jpg", number, [], True) for number in range(first, first + size)]
        executed.clear()
        writer.ingest.commit([writer.prepared(*file) for file in files])
        counts.append(len(executed))
    assert counts[0] <= 31, counts  # with what the first one of a store does once
    assert counts[1] <= 28, counts
    writer.catalog.close()


class _RowByRow(ColourEncoder):
    independent_rows = True


def test_only_an_encoder_whose_rows_share_a_batch_gets_full_ones(tmp_path: Path) -> None:
    sent = {}
    for encoder in (ColourEncoder(batch_size=8), _RowByRow(batch_size=8)):
        for count in (1, 3, 8, 11):
            catalog = Catalog.create(file_url(tmp_path / f"{type(encoder).__name__}{count}.sqlite"))
            with catalog.batch() as batch:
                row = Encoders(batch).add(encoder.identity)
                Encoders(batch).activate(row)
            before = encoder.images
            with Ingest(catalog, encoder, row, Report()) as ingest:
                ingest.add([_photo(number) for number in range(count)])
            sent[type(encoder), count] = encoder.images - before
            catalog.close()
    assert [sent[ColourEncoder, count] for count in (1, 3, 8, 11)] == [8, 8, 8, 16]
    assert [sent[_RowByRow, count] for count in (1, 3, 8, 11)] == [2, 3, 8, 11]


def _photo(number: int) -> NewImage:
    pixels = np.full((8, 8, 3), number, np.uint8)
    return NewImage(Candidate(f"/p/{number}.png", 1, 1), bytes([number]) * 32, Metadata(8, 8, "PNG"), pixels)
