"""What is stored, page by page while others write; vectors of what is stored and of what is not."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import search
from search.calls import listing
from tests.fixtures.colour_encoder import ColourEncoder

COLOURS = [f"#{red:02x}{green:02x}80" for red in (0, 90, 250) for green in (0, 90, 250)]


def draw(folder: Path, name: str, colour: str) -> Path:
    Image.new("RGB", (16, 16), colour).save(folder / name)
    return folder / name


@pytest.fixture
def library(tmp_path: Path) -> Iterator[search.Library]:
    """Nine pictures, a caption of the first."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, colour in enumerate(COLOURS):
        draw(folder, f"{number}.png", colour)
    (folder / "captions.jsonl").write_text(json.dumps({"image": "0.png", "captions": ["a dark picture"]}))
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as opened:
        opened.index(folder)
        yield opened


def names(library: search.Library, **how: object) -> list[str]:
    return [Path(item.path).name for item in library.items(**how)]  # type: ignore[arg-type]


def test_items_are_typed_and_in_order(library: search.Library) -> None:
    items = list(library.items())
    assert [item.id for item in items] == sorted(item.id for item in items)
    assert [(Path(item.path).name, item.kind, item.text) for item in items] == [
        (f"{number}.png", "image", None) for number in range(9)
    ]
    assert {(item.metadata.width, item.metadata.height) for item in items if item.metadata} == {(16, 16)}
    [text] = library.items(kind="text")
    assert (text.text, Path(text.path).name, Path(text.source).name) == ("a dark picture", "0.png", "captions.jsonl")
    assert names(library, sort="-name") == [f"{number}.png" for number in reversed(range(9))]
    assert names(library, where=search.Filter(name=["1*", "3.png"]), sort="-name") == ["3.png", "1.png"]
    assert names(library, where=search.Filter(type="jpeg")) == []


@pytest.mark.parametrize("sort", [None, "name", "-name", "date", "size"])
def test_while_others_write_none_comes_twice_and_none_is_missed(library: search.Library, sort: str | None) -> None:
    folder = library.folder.parent / "photos"
    expected = [item.id for item in library.items(sort=sort)]  # type: ignore[arg-type]
    gone = expected[4]
    [path] = [item.path for item in library.items() if item.id == gone]
    page = library.page(sort=sort, limit=2)  # type: ignore[arg-type]
    found = [item.id for item in page.items]
    number = 0
    with search.open(library.folder, encoder=ColourEncoder()) as writer:
        while page.cursor is not None:
            draw(folder, f"{number}0new.png", f"#0{number}4444")  # before and behind where the page stands
            number += 1
            if number == 1:
                Path(path).unlink()
            writer.index(folder)
            page = library.page(sort=sort, limit=2, cursor=page.cursor)  # type: ignore[arg-type]
            assert len(page.items) <= 2
            found += [item.id for item in page.items]
    assert number >= 4
    assert found == [each for each in expected if each != gone]
    assert len(names(library)) == 8 + number  # a listing that begins now has what is new


def test_a_renamed_photograph_is_new_unless_its_path_was_indexed_before(library: search.Library) -> None:
    folder = library.folder.parent / "photos"
    (folder / "8.png").rename(folder / "away.png")
    library.index(folder)
    (folder / "away.png").unlink()
    library.index(folder)
    page = library.page(sort="name", limit=2)
    assert [Path(item.path).name for item in page.items] == ["0.png", "1.png"]
    (folder / "0.png").rename(folder / "away.png")
    (folder / "7.png").rename(folder / "unheard.png")
    library.index(folder)
    rest = library.page(sort="name", limit=20, cursor=page.cursor)
    assert [Path(item.path).name for item in rest.items] == ["2.png", "3.png", "4.png", "5.png", "6.png", "away.png"]
    assert not {item.id for item in page.items} & {item.id for item in rest.items}
    assert "unheard.png" in names(library)


def test_a_loop_over_items_may_query(library: search.Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.calls.listing._AT_ONCE", 2)
    for item in library.items():
        assert library.query(Path(item.path), k=1)[0].id == item.id


def test_a_cursor_is_refused_where_it_does_not_belong(library: search.Library, tmp_path: Path) -> None:
    cursor = library.page(limit=2).cursor
    assert cursor is not None
    for other in ({"sort": "name"}, {"kind": "text"}, {"where": search.Filter(type="png")}):
        with pytest.raises(search.UsageError, match="another listing"):
            library.page(cursor=cursor, **other)  # type: ignore[arg-type]
    empty = search.open(tmp_path / "other", encoder=ColourEncoder())
    empty.index(draw(tmp_path, "one.png", "red"))
    fields = json.loads(base64.urlsafe_b64decode(cursor))
    later = base64.urlsafe_b64encode(json.dumps([fields[0], 10**9, *fields[2:]]).encode()).decode()
    with pytest.raises(search.UsageError, match="another store"):
        empty.page(cursor=later)
    wrong = ["", "x", "é", "A" * 5_000, cursor[:-4], base64.urlsafe_b64encode(b"[1,2]").decode()]
    wrong += [
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode()
        for each in ({}, [fields[0], -1, 2, 3, None], [fields[0], 1, 2, 3, [1]], [fields[0], 1, 2, 2**70, None])
    ]
    for text in wrong:
        with pytest.raises(search.UsageError, match="none that a page gave"):
            library.page(cursor=text)


def test_vectors_are_the_stored_ones_in_the_order_asked(library: search.Library) -> None:
    ids = [item.id for item in library.items()]
    found, vectors = library.vectors([ids[3], 10**9, ids[0]])
    assert (found.tolist(), found.dtype, vectors.dtype) == ([ids[3], ids[0]], np.int64, np.float32)
    paths = {item.id: Path(item.path) for item in library.items()}
    np.testing.assert_array_equal(library.embed(images=[paths[ids[3]], paths[ids[0]]]), vectors)
    none, empty = library.vectors([])
    assert (none.shape, empty.shape) == ((0,), (0, vectors.shape[1]))


def test_embed_gives_unit_vectors_of_texts_and_of_images_in_any_form(library: search.Library) -> None:
    texts = library.embed(texts=["red", "blue"])
    assert (texts.dtype, texts.shape[0]) == (np.float32, 2)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    picture = Image.new("RGB", (16, 16), "red")
    path = draw(library.folder.parent, "new.png", "red")
    images = library.embed(images=[path, path.read_bytes(), picture, np.asarray(picture)])
    np.testing.assert_array_equal(images, np.repeat(images[:1], 4, axis=0))
    assert int(np.argmax(texts @ images[0])) == 0
    assert library.embed(texts=[]).shape == library.embed(images=[]).shape == (0, texts.shape[1])
    for wrong in ({}, {"texts": ["red"], "images": [path]}, {"texts": "red"}, {"images": path}, {"images": [5]}):
        with pytest.raises(TypeError, match=r"`(embed|texts|images)` takes"):
            library.embed(**wrong)  # type: ignore[arg-type]
    with pytest.raises(search.EmptyQueryError, match=r"`texts\[1\]` is blank"):
        library.embed(texts=["red", " \n"])


def test_images_are_embedded_in_batches_and_each_content_once(
    library: search.Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_ENCODED", 4)
    sizes: list[int] = []
    encode = ColourEncoder.encode_images

    def counted(self: ColourEncoder, pixels: Any, *, tokens: bool = False) -> Any:
        sizes.append(len(np.unique(pixels.reshape(len(pixels), -1), axis=0)))
        return encode(self, pixels, tokens=tokens)

    new = [draw(library.folder.parent, f"new{number}.png", f"#{number:02x}4030") for number in range(0, 100, 20)]
    indexed = [Path(item.path) for item in library.items()][:2]
    alone = [library.embed(images=[path])[0] for path in (*new, *indexed)]
    monkeypatch.setattr(ColourEncoder, "encode_images", counted)
    images: list[Any] = [
        new[0],
        new[0].read_bytes(),
        indexed[0],
        Image.open(new[1]),
        new[2],
        new[3],
        new[4],
        indexed[1],
    ]
    found = library.embed(images=images)
    assert len(sizes) == 2  # batches, of new contents and of what fills them up
    assert sum(sizes) <= len(new) + len(sizes)
    right = [alone[0], alone[0], alone[5], alone[1], alone[2], alone[3], alone[4], alone[6]]
    np.testing.assert_allclose(found, np.array(right), atol=1e-6)
    with pytest.raises(search.NotAnImageError, match=r"The query image \(bytes\) cannot be used"):
        library.embed(images=[new[0], b"no image"])
    with pytest.raises(search.PathNotFoundError, match="is not there"):
        library.embed(images=[new[0], library.folder.parent / "gone.png"])


def test_items_have_the_dates_and_places_that_hits_have(library: search.Library) -> None:
    hits = {hit.id: hit for hit in library.query("red", k=50, to="any")}
    for kind in ("image", "text"):
        items = list(library.items(kind=kind))
        assert items
        for item in items:
            hit = hits[item.id]
            assert (item.date, item.date_from, item.place) == (hit.date, hit.date_from, hit.place)
            assert item.date_from == "file"
