"""Whatever names and texts a collection has, an export holds them and an import brings them back."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import search
from indexer.errors import UsageError
from search.exchange import batches
from search.exchange.layout import FORMATS, Format
from search.exchange.sources import source_at
from tests.fixtures.colour_encoder import ColourTokenEncoder

#: Bytes that names of files may have, where the system lets them have any: lines, quotes, what is no UTF-8 (which
#: Python writes as surrogates), characters of four bytes, signs of databases, of shells and of paths elsewhere.
PIECES = (
    *(bytes([each]) for each in b"aB \n\r\t'\"\\%_*?[]#;&\x01\x7f\xff\xc3"),
    *(each.encode() for each in ("\u00e9", "e\u0301", "\U0001f600", "\U00010000", "\u2028", "\ufeff", "\u202e")),
)
names = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map(b"".join)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
AVAILABLE = [name for name in FORMATS if name == "npy" or importlib.util.find_spec("pyarrow") is not None]


@dataclass(frozen=True)
class Photograph:
    name: bytes
    colour: tuple[int, int, int]
    captions: tuple[str, ...]
    folder: bool
    taken: datetime | None


photographs = st.builds(
    Photograph,
    names,
    st.tuples(*[st.integers(0, 255)] * 3),
    st.lists(texts, max_size=3).map(tuple),
    st.booleans(),
    st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2026, 1, 1)).map(lambda when: when.replace(microsecond=0)),
)


def write(folder: Path, some: Sequence[Photograph]) -> None:
    """Photographs with what they say of themselves, and a table of captions by relative paths, where they are text."""
    rows = []
    for one in some:
        place = os.fsencode(folder) + (b"/in" if one.folder else b"")
        os.makedirs(place, exist_ok=True)
        path = place + b"/x" + one.name + b".jpg"  # not hidden
        exif = Image.Exif()
        if one.taken is not None:
            exif[0x0132] = f"{one.taken:%Y:%m:%d %H:%M:%S}"
        picture = Image.new("RGB", (12, 10), one.colour)
        with open(path, "wb") as stream:
            picture.save(stream, "jpeg", exif=exif)
        relative = os.fsdecode(os.path.relpath(path, os.fsencode(folder)))
        rows.append({"image": relative, "captions": [text for text in one.captions if text.strip()]})
    lines = [json.dumps(row) for row in rows if row["captions"]]
    (folder / "captions.jsonl").write_text("".join(line + "\n" for line in lines))


def seen(library: search.Library) -> list[Any]:
    """All that is known of every item, but its id: the bits of its vector last."""
    items = [item for kind in ("image", "text") for item in library.items(kind=kind)]
    ids, vectors = library.vectors([item.id for item in items])
    bits = {int(number): own.tobytes() for number, own in zip(ids, vectors, strict=True)}
    return sorted(
        (
            item.kind,
            os.fsencode(item.path),
            item.text or "",
            str(item.date),
            str(item.date_from),
            str(item.metadata),
            bits[item.id],
        )
        for item in items
    )


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck))
@given(some=st.lists(photographs, max_size=6, unique_by=lambda one: (one.folder, one.name)), size=st.integers(1, 4))
def test_there_and_back(some: list[Photograph], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as name:
        patch.setattr(batches, "AT_ONCE", size)
        here = Path(name)
        (here / "photos").mkdir()
        write(here / "photos", some)
        with search.open(here / "a", encoder=ColourTokenEncoder()) as first:
            first.index(here / "photos")
            wanted = seen(first)
            for format in AVAILABLE:
                check(here, first, format, wanted)


def check(here: Path, first: search.Library, format: Format, wanted: list[Any]) -> None:
    out = here / "out"
    found = first.export(out, format=format, tokens=True)
    photographs = sum(row[0] == "image" for row in wanted)
    assert (found.images, found.left_out) == (photographs, 0)
    assert found.texts == (0 if format == "clip-retrieval" else len(wanted) - photographs)
    if not found.images:  # there is nothing, and nothing is written
        assert not out.exists()
        return
    rows = [
        (row, own.tobytes())
        for some, vectors in source_at(out).batches()
        for row, own in zip(some, vectors, strict=True)
    ]
    told = sorted((row.kind, os.fsencode(row.image.path), row.text or "", bits) for row, bits in rows)
    own = [(kind, path, text, bits) for kind, path, text, *_, bits in wanted]
    assert told == (own if format != "clip-retrieval" else [row for row in own if row[0] == "image"])
    with search.open(here / "b", encoder=ColourTokenEncoder()) as second:
        second.import_from(out)
        if format == "clip-retrieval":
            second.index()
        assert seen(second) == wanted
        again = second.index()
        assert (again.encoded, again.failures, seen(second)) == (0, [], wanted)
        assert second.check() == []
    shutil.rmtree(out)
    shutil.rmtree(here / "b")


def test_an_empty_store(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with search.open(tmp_path / "a", encoder=ColourTokenEncoder()) as first:
        first.index(tmp_path / "photos")
        for format in AVAILABLE:
            found = first.export(tmp_path / "out", format=format)
            assert (found.images, found.texts, (tmp_path / "out").exists()) == (0, 0, False)


@pytest.mark.parametrize("format", ["npy", "parquet"])
def test_texts_alone(tmp_path: Path, format: Format) -> None:
    """Of a table whose photographs are not there, or not yet."""
    if format not in AVAILABLE:
        pytest.skip("the extra `parquet`")
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (9, 9), "red").save(photos / "a.png")
    (photos / "captions.jsonl").write_text('{"image": "a.png", "captions": ["red", "a red thing"]}\n')
    with search.open(tmp_path / "a", encoder=ColourTokenEncoder()) as first:
        first.index(photos)
        (photos / "a.png").unlink()
        first.index()
        first.forget(vanished=True)
        wanted = seen(first)
        found = first.export(tmp_path / "out", format=format, tokens=True)
        assert (found.images, found.texts) == (0, len(wanted))
        if not wanted:
            return
    with search.open(tmp_path / "b", encoder=ColourTokenEncoder()) as second:
        assert second.import_from(tmp_path / "out").texts == len(wanted)
        assert seen(second) == wanted


def test_what_is_no_row_of_an_export_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    with search.open(tmp_path / "a", encoder=ColourTokenEncoder()) as first:
        first.index(tmp_path / "a.png")
        first.export(tmp_path / "out", format="npy")
    table = tmp_path / "out" / "items.jsonl"
    row = json.loads(table.read_text())
    for wrong in ({"path": "a.png"}, {"path": 3}, {"digest": "00"}, {"kind": "video"}, {"text": 4}, {"source": []}):
        table.write_text(json.dumps(row | wrong) + "\n")
        second = search.open(tmp_path / "b", encoder=ColourTokenEncoder())
        with pytest.raises(UsageError, match="line 1 or one behind it does not read"):
            second.import_from(tmp_path / "out")
