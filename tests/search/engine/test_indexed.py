"""What leaves the machine on a page or as a copy is what was indexed, whatever a stranger's catalog names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from indexer.catalog.catalog import Catalog
from indexer.catalog.sqlite import file_url
from search.engine.indexed_file import CHANGED, OUTSIDE, Indexed
from search.html.contact_sheet import sheet
from search.library import Library
from search.query.query import Query
from search.shell.copy_hits import Copies, copy_photographs, photographs
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.page_elements import assert_harmless

PICTURE = "data:image/jpeg;base64,"

#: Makes what a catalog says of "photos/red.png" into something else, or puts something else there.
Attack = Callable[[Path], None]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """photos/red.png, indexed with a caption; secret.png beside the folder, which nobody has indexed."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "photos" / "red.png")
    (tmp_path / "photos" / "red.txt").write_text("a red square")
    Image.new("RGB", (40, 30), "white").save(tmp_path / "secret.png")
    with Library(tmp_path / "s", encoder=ColourEncoder()) as library:
        assert library.index(tmp_path / "photos").encoded == 1
    return tmp_path


def forged(place: Path, *statements: tuple[str, tuple[str, ...]]) -> None:
    catalog = Catalog.create(file_url(place / "s" / "catalog.sqlite"))
    with catalog.batch() as batch:
        for statement, values in statements:
            changed = batch.connection.exec_driver_sql(statement, tuple(map(os.fsencode, values)))
            assert changed.rowcount == 1
    catalog.close()


def names(place: Path, path: str, *more: tuple[str, tuple[str, ...]]) -> None:
    """The catalog says that the photograph, and what the caption is about, lie at `path`."""
    red = str(place / "photos" / "red.png")
    forged(
        place,
        ("UPDATE file SET path = ? WHERE path = ?", (path, red)),
        ("UPDATE item SET about = ? WHERE about = ?", (path, red)),
        *more,
    )


def another_path(place: Path) -> None:
    names(place, str(place / "secret.png"))


def dots(place: Path) -> None:
    names(place, str(place / "photos" / ".." / "secret.png"))


def root_of_all(place: Path) -> None:
    names(place, str(place / "secret.png"), ("UPDATE root SET path = ?", ("/",)))


def link(place: Path) -> None:
    (place / "photos" / "red.png").unlink()
    (place / "photos" / "red.png").symlink_to(place / "secret.png")


def link_of_a_folder(place: Path) -> None:
    (place / "elsewhere").mkdir()
    (place / "secret.png").rename(place / "elsewhere" / "red.png")
    (place / "photos" / "red.png").unlink()
    (place / "photos" / "red.txt").unlink()
    (place / "photos").rmdir()
    (place / "photos").symlink_to(place / "elsewhere")


def pipe(place: Path) -> None:
    (place / "photos" / "red.png").unlink()
    os.mkfifo(place / "photos" / "red.png")


def device(place: Path) -> None:
    names(place, "/dev/zero", ("UPDATE root SET path = ?", ("/dev",)))


def text(place: Path) -> None:
    names(place, str(place / "s" / "encoder.json"), ("UPDATE root SET path = ?", ("/",)))


ATTACKS = (another_path, dots, root_of_all, link, link_of_a_folder, pipe, device, text)


def sheet_and_copies(place: Path, to: str) -> tuple[str, Copies]:
    with Library(place / "s", encoder=ColourEncoder()) as library:
        results = library.query("red", to=to)
        paths = [path for hit in results for path in (hit.path, *hit.also)]
        indexed = library.indexed(*paths)
    page = sheet(results, Query(text="red"), indexed)
    assert_harmless(page)
    digests = {path: each.digest for path, each in indexed.items() if each.inside}
    return page, copy_photographs(photographs(results), digests, str(place / "picks"))


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
@pytest.mark.parametrize("to", ["image", "text"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.__name__)
def test_nothing_but_what_was_indexed_is_given_away(place: Path, attack: Attack, to: str) -> None:
    page, copies = sheet_and_copies(place, to)
    assert page.count(PICTURE) == 1  # the check of what follows
    assert copies.copied == 1
    (place / "picks" / "red.png").unlink()
    attack(place)
    page, copies = sheet_and_copies(place, to)
    assert PICTURE not in page
    assert "not shown: it" in page or "no picture to show" in page
    assert list((place / "picks").iterdir()) == []
    assert copies.targets == {}
    assert {failure.reason.partition(";")[0] for failure in copies.failed} <= {OUTSIDE, CHANGED.partition(";")[0]}
    assert copies.failed


def test_an_indexed_content_outside_of_the_folders_stays_there(place: Path) -> None:
    """A path outside of the roots is not given away even where its content is the one that the catalog names."""
    (place / "photos" / "red.png").rename(place / "moved.png")
    names(place, str(place / "moved.png"))
    page, copies = sheet_and_copies(place, "image")
    assert f"not shown: {OUTSIDE}" in page
    assert [failure.reason for failure in copies.failed] == [OUTSIDE]


def test_a_photograph_behind_a_link_is_shown(place: Path) -> None:
    """Links in a folder are followed by the scan, and what was indexed there is given away."""
    Image.new("RGB", (40, 30), "#f00020").save(place / "other.png")
    (place / "photos" / "link.png").symlink_to(place / "other.png")
    with Library(place / "s", encoder=ColourEncoder()) as library:
        library.index()
    page, copies = sheet_and_copies(place, "image")
    assert page.count(PICTURE) == 2
    assert copies.copied == 2


def test_what_was_changed_is_named_with_the_next_step(place: Path) -> None:
    Image.new("RGB", (50, 30), "red").save(place / "photos" / "red.png")
    page, copies = sheet_and_copies(place, "image")
    assert "it was changed since it was indexed; `index()` reads it again" in page
    assert [failure.reason for failure in copies.failed] == [
        "it was changed since it was indexed; `search index` reads it again"
    ]


def test_what_is_indexed_at_a_path(place: Path) -> None:
    import hashlib

    red = place / "photos" / "red.png"
    digest = hashlib.sha256(red.read_bytes()).hexdigest()
    with Library(place / "s", encoder=ColourEncoder()) as library:
        assert library.indexed(red, "/no/such") == {str(red): Indexed(digest)}
    assert Indexed(digest).refusal(red.read_bytes()) is None
    assert Indexed(digest).refusal(b"else") == CHANGED
    assert Indexed(digest, inside=False).refusal(red.read_bytes()) == OUTSIDE
