"""Whatever is written, in whatever order, and wherever it is broken off: what is kept is what would be made anew."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from indexer.catalog.facts import Facts
from indexer.catalog.files import FileRecord, Files
from indexer.catalog.items import Items
from indexer.catalog.moves import Moves
from indexer.catalog.photographs import Photographs
from indexer.catalog.schema import file
from indexer.catalog.transaction import Transaction
from indexer.catalog.words import Words
from indexer.text import text_digest
from indexer.types import Candidate, Metadata, Said
from tests.fixtures.catalog_rows import add_content, add_file, new_catalog

Step = Callable[[Transaction], object]
FOLDERS: Final = ("/p", "/p/Été")
NAMES: Final = ("a.jpg", "IMG_20210504_101112.jpg")
#: Edited forms, and what they may be of.
EDITED: Final = ("a-edited.JPG", "é-edited.jpg", "e\u0301-modifié(1).jpg", "a.png", "a.jpg", "e\u0301.heic", "é(1).jpg")

paths = st.builds("{}/{}".format, st.sampled_from(FOLDERS), st.sampled_from((*NAMES, *EDITED)))
contents = st.integers(1, 4)
texts = st.sampled_from(("a red car", "Café", "two dogs", "猫"))
positions = st.sampled_from(((None, None), (38.7, -9.14), (48.85, 2.35), (0.0, -150.0)))
moments = st.sampled_from((None, "2021-06-03T18:20:11+02:00", "2019-01-01T00:00:00"))


@st.composite
def metadata(draw: st.DrawFn) -> Metadata:
    latitude, longitude = draw(positions)
    some = st.lists(texts, max_size=2).map(tuple)
    camera, lens = draw(st.sampled_from(((None, None), ("Pixel 6", "50mm"))))
    return Metadata(
        30, 20, "JPEG", draw(moments), camera, latitude, longitude, captions=draw(some), keywords=draw(some), lens=lens
    )


def add_photograph(path: str, content: int, said: Metadata) -> Step:
    def step(batch: Transaction) -> None:
        number = add_content(batch, bytes([content]) * 32, "image")
        Photographs(batch).save({number: said})
        add_file(batch, path, "image", [("image", number, None, None)], number)

    return step


def read_again(content: int, said: Metadata) -> Step:
    return lambda batch: Photographs(batch).save({add_content(batch, bytes([content]) * 32, "image"): said})


def write_captions(name: str, about: dict[str, str]) -> Step:
    def step(batch: Transaction) -> None:
        items = [("text", add_content(batch, text_digest(said), "text"), path, said) for path, said in about.items()]
        add_file(batch, name, "captions", items)

    return step


def write_sidecar(name: str, about: str, moment: str | None, position: tuple[float | None, float | None]) -> Step:
    told = FileRecord(Candidate(name, 1, 2), "captions", said=Said(moment, *position), about=about)
    return lambda batch: Files(batch).save([told])


def mark(how: str, which: int) -> Step:
    """One of the files: vanished, left out, back, or deleted."""

    def step(batch: Transaction) -> None:
        ids = list(batch.connection.execute(select(file.c.id).order_by(file.c.id)).scalars())
        if ids:
            getattr(Files(batch), how)([ids[which % len(ids)]])

    return step


def lose_item(path: str) -> Step:
    def step(batch: Transaction) -> None:
        number = Items(batch).at(path)
        if number is not None:
            Items(batch).delete([number])

    return step


captions_names = st.sampled_from(("/p/all.csv", "/q/all.csv"))
sidecars = st.sampled_from(("/p/a.jpg.json", "/p/a.jpg.supplemental-metadata.json", "/q/x.json"))
marks = st.sampled_from(("mark_vanished", "mark_ignored", "mark_present", "delete"))
steps = st.one_of(
    st.builds(add_photograph, paths, contents, metadata()),
    st.builds(read_again, contents, metadata()),
    st.builds(write_captions, captions_names, st.dictionaries(paths, texts, min_size=1, max_size=3)),
    st.builds(write_sidecar, sidecars, paths, moments, positions),
    st.builds(mark, marks, st.integers(0, 20)),
    st.builds(lose_item, paths),
    st.sampled_from(FOLDERS).map(lambda folder: lambda batch: Files(batch).forget(folder)),
    st.just(lambda batch: Moves(batch).move("/p", "/r")),
    st.just(lambda batch: Moves(batch).move("/r", "/p")),
)


class _BrokenOffError(Exception):
    pass


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.lists(steps, min_size=1, max_size=4), st.booleans()), min_size=1, max_size=6))
def test_what_is_kept_is_what_would_be_made_anew(batches: list[tuple[list[Step], bool]]) -> None:
    with TemporaryDirectory() as folder:
        catalog = new_catalog(Path(folder) / "catalog.sqlite")
        plain = Metadata(10, 20, "PNG")
        first = [add_photograph(f"{folder}/{name}", 9, plain) for folder in FOLDERS for name in (*NAMES, EDITED[0])]
        for written, broken_off in [(first, False), *batches]:
            with suppress(_BrokenOffError), catalog.batch() as batch:
                for step in written:
                    step(batch)
                if broken_off:
                    raise _BrokenOffError
            with catalog.snapshot() as snapshot:
                assert Facts(snapshot).wrong() == Facts(snapshot).lacking() == []
                assert Words(snapshot).are_right()
        catalog.close()
