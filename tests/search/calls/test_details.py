"""One item with all that is known of it, and the state of the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import search
from tests.fixtures.colour_encoder import ColourEncoder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[search.Library]:
    """Three pictures, one of them thrice, with captions in a table."""
    folder = tmp_path / "photos"
    (folder / "copies").mkdir(parents=True)
    for name, colour in (("red", "red"), ("green", "green"), ("blue", "blue")):
        Image.new("RGB", (16, 12), colour).save(folder / f"{name}.png")
    for name in ("b.png", "a.png"):
        (folder / "copies" / name).write_bytes((folder / "red.png").read_bytes())
    rows = [{"image": "red.png", "captions": ["red", "warm", "red"]}, {"image": "gone.png", "captions": ["gone"]}]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as opened:
        opened.index(folder)
        yield opened


def ids(library: search.Library) -> dict[str, int]:
    return {Path(item.path).name: item.id for item in library.items()}


def test_an_item_has_its_captions_and_copies(library: search.Library) -> None:
    known, folder = ids(library), library.folder.parent / "photos"
    found = library.item(known["red.png"])
    assert found is not None
    assert found.captions == ("red", "warm")
    assert found.also == (str(folder / "copies" / "a.png"), str(folder / "copies" / "b.png"))
    assert found.copies == tuple(sorted((known["a.png"], known["b.png"])))
    [listed] = library.items(where=search.Filter(id=known["red.png"]))
    assert found.item == listed
    other = library.item(known["green.png"])
    assert other is not None
    assert (other.captions, other.also, other.copies) == ((), (), ())


def test_a_text_is_an_item_too(library: search.Library) -> None:
    [text, *_] = library.items(kind="text")
    found = library.item(text.id)
    assert found is not None
    assert found.item == text
    assert (found.captions, found.copies) == (("red", "warm"), ())


def test_what_is_gone_or_never_was_is_none(library: search.Library) -> None:
    known, folder = ids(library), library.folder.parent / "photos"
    assert library.item(999_999) is None
    assert library.item(0) is None
    (folder / "copies" / "a.png").unlink()
    library.index(folder)
    assert library.item(known["a.png"]) is None
    found = library.item(known["red.png"])
    assert found is not None
    assert found.copies == (known["b.png"],)
    with pytest.raises(search.UsageError):
        library.item(-1)


def test_the_state_grows_with_each_change(library: search.Library) -> None:
    before, folder = library.state(), library.folder.parent / "photos"
    assert before.roots == (str(folder),)
    assert library.counts() == {"image": 5, "text": 3}
    library.index(folder)
    assert library.state().store == before.store
    Image.new("RGB", (16, 12), "white").save(folder / "white.png")
    library.index(folder)
    after = library.state()
    assert (after.store, after.generation > before.generation) == (before.store, True)
    assert library.counts()["image"] == 6
