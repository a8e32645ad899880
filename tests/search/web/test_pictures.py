"""Thumbnails, previews and originals over HTTP: what is shown is what was indexed, upright, its pixels and no more."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from search.library import Library
from search.web.app import create_app
from search.web.settings import ServeSettings
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.pictures import oriented, quarters

API = "/api/v1"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A photograph that is stored turned, and a caption about it."""
    folder = tmp_path / "photos"
    folder.mkdir()
    upright = quarters().resize((1200, 800), Image.Resampling.NEAREST)
    (folder / "turned.jpg").write_bytes(oriented("JPEG", 6, upright))
    (folder / "turned.txt").write_text("four colours")
    Image.new("RGB", (40, 30), "red").save(folder / "red.tif")
    return folder


@pytest.fixture
def store(photos: Path, tmp_path: Path) -> Path:
    with Library(tmp_path / "s", encoder=ColourEncoder()) as library:
        assert library.index(photos).encoded == 2
    return tmp_path / "s"


@pytest.fixture
def client(store: Path) -> Iterator[TestClient]:
    with TestClient(create_app(store, ServeSettings()), base_url="http://127.0.0.1:8765") as client:
        yield client


def ids(store: Path) -> dict[str, int]:
    with Library(store, encoder=ColourEncoder()) as library:
        return {
            f"{each.kind} {Path(each.path).name}": each.id
            for kind in ("image", "text")
            for each in library.items(kind=kind)
        }


def shown(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize(("size", "wanted"), [(256, (256, 171)), (768, (768, 512))])
def test_a_thumbnail_is_upright_and_nothing_but_pixels(
    client: TestClient, store: Path, size: int, wanted: tuple[int, int]
) -> None:
    number = ids(store)["image turned.jpg"]
    answer = client.get(f"{API}/items/{number}/thumbnail?size={size}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    image = shown(answer.content)
    assert (image.format, image.size) == ("WEBP", wanted)
    assert not {"exif", "icc_profile", "xmp"} & image.info.keys()
    red, blue = image.getpixel((20, 20)), image.getpixel((20, image.height - 20))
    assert isinstance(red, tuple)
    assert isinstance(blue, tuple)
    assert red[0] > 180 > 90 > red[2]
    assert blue[2] > 180 > 90 > blue[0]


def test_a_text_shows_the_photograph_that_it_is_about(client: TestClient, store: Path) -> None:
    known = ids(store)
    pictures = [client.get(f"{API}/items/{known[key]}/thumbnail") for key in ("image turned.jpg", "text turned.jpg")]
    assert pictures[0].content == pictures[1].content


def test_an_answer_that_still_holds_is_not_sent_again(client: TestClient, store: Path) -> None:
    number = ids(store)["image turned.jpg"]
    for path in ("thumbnail", "preview", "original"):
        first = client.get(f"{API}/items/{number}/{path}")
        assert first.headers["cache-control"].startswith("private, max-age=")
        again = client.get(f"{API}/items/{number}/{path}", headers={"If-None-Match": f'"x", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")


def test_a_preview_of_what_no_browser_shows_is_a_jpeg(client: TestClient, store: Path) -> None:
    answer = client.get(f"{API}/items/{ids(store)['image red.tif']}/preview")
    assert (shown(answer.content).format, shown(answer.content).size) == ("JPEG", (40, 30))


def test_the_original_is_the_file(client: TestClient, store: Path, photos: Path) -> None:
    known = ids(store)
    answer = client.get(f"{API}/items/{known['image turned.jpg']}/original")
    assert answer.content == (photos / "turned.jpg").read_bytes()
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"].startswith('inline; filename="turned.jpg"')
    saved = client.get(f"{API}/items/{known['image red.tif']}/original")
    assert saved.headers["content-type"] == "image/tiff"
    assert saved.headers["content-disposition"].startswith("attachment")


def test_what_is_not_there_is_said(client: TestClient, store: Path, photos: Path) -> None:
    number = ids(store)["image turned.jpg"]
    for path in ("thumbnail", "preview", "original"):
        assert client.get(f"{API}/items/999999/{path}").status_code == 404
    (photos / "turned.jpg").unlink()
    for path in ("thumbnail", "preview", "original"):
        answer = client.get(f"{API}/items/{number}/{path}")
        assert answer.status_code == 410
        assert answer.headers["content-type"] == "application/problem+json"
        assert "not where it was" in answer.json()["detail"]


def test_a_thumbnail_that_is_kept_is_shown_of_a_photograph_out_of_reach(
    client: TestClient, store: Path, photos: Path
) -> None:
    number = ids(store)["image turned.jpg"]
    first = client.get(f"{API}/items/{number}/thumbnail")
    photos.rename(photos.with_name("unmounted"))
    assert client.get(f"{API}/items/{number}/thumbnail").content == first.content
    assert client.get(f"{API}/items/{number}/preview").status_code == 410


def test_a_photograph_that_was_changed_is_not_shown(client: TestClient, store: Path, photos: Path) -> None:
    number = ids(store)["image turned.jpg"]
    Image.new("RGB", (40, 30), "white").save(photos / "turned.jpg")
    for path in ("thumbnail", "preview", "original"):
        answer = client.get(f"{API}/items/{number}/{path}")
        assert (answer.status_code, answer.json()["type"]) == (410, "photograph-gone")
        assert "changed since it was indexed" in answer.json()["detail"]


def test_an_upload_is_kept_shown_and_forgotten(client: TestClient) -> None:
    content = oriented("JPEG", 6, quarters())
    answer = client.post(f"{API}/uploads", content=content, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 201
    assert (answer.json()["width"], answer.json()["height"]) == (48, 32)
    address = f"{API}/uploads/{answer.json()['name']}"
    assert shown(client.get(f"{address}/thumbnail").content).size == (48, 32)
    assert client.delete(address).status_code == 204
    assert client.get(f"{address}/thumbnail").status_code == 404


def test_what_is_no_image_is_not_kept(client: TestClient) -> None:
    for content in (b"", b"/etc/hostname", b"\xff\xd8\xff\xe0 no picture"):
        answer = client.post(f"{API}/uploads", content=content, headers={"Content-Type": "image/png"})
        assert answer.status_code == 422, content
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.post(f"{API}/uploads", content=b"x", headers={"Content-Type": "text/html"}).status_code == 415
