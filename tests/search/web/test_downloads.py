"""Selected photographs as one zip: as they are, each under a name of its own, within bounds."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from search.library import Library
from search.web.app import create_app
from search.web.archive import Names
from search.web.file_answer import disposition, safe_name
from search.web.settings import Limits, ServeSettings
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.web import client_of, problem

DOWNLOADS = "/api/v1/downloads"
LIMITS = Limits(download_files=3)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number, colour in enumerate(("red", "green", "blue")):
        (folder / colour).mkdir(parents=True)
        Image.new("RGB", (40, 30), colour).save(folder / colour / ("dog.png" if number < 2 else "DOG.png"))
    return folder


@pytest.fixture
def client(photos: Path, tmp_path: Path) -> Iterator[TestClient]:
    with Library(tmp_path / "s", encoder=ColourEncoder()) as library:
        assert library.index(photos).encoded == 3
    app = create_app(tmp_path / "s", ServeSettings(limits=LIMITS))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        yield client


def left_out(answer: httpx2.Response) -> tuple[int, str | None]:
    """How many are not in a zip, and why, as its headers tell."""
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    return int(answer.headers["Search-Left-Out"]), answer.headers.get("Search-Left-Out-Reasons")


def packed(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        assert found.testzip() is None
        assert {each.compress_type for each in found.infolist()} == {zipfile.ZIP_STORED}
        return {name: found.read(name) for name in found.namelist()}


def test_photographs_come_as_they_are_under_names_of_their_own(client: TestClient, photos: Path) -> None:
    answer = client.post(DOWNLOADS, json={"ids": [1, 2, 3, 1]})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    found = packed(answer.content)
    assert len({name.casefold() for name in found}) == 3
    assert sorted(found.values()) == sorted(path.read_bytes() for path in photos.rglob("*.png"))


def test_a_selection_may_be_older_than_the_index(client: TestClient) -> None:
    answer = client.post(DOWNLOADS, json={"ids": [1, 999]})
    assert left_out(answer) == (1, "no-item=1")
    found = packed(answer.content)
    assert found.pop("left out.txt") == b"#999: it is no longer in the index\n"
    assert found == packed(client.post(DOWNLOADS, json={"ids": [1]}).content)


def test_of_what_is_gone_or_changed_a_text_tells_and_the_headers_how_many(client: TestClient, photos: Path) -> None:
    assert left_out(client.post(DOWNLOADS, json={"ids": [1, 2, 3]})) == (0, None)
    (photos / "red" / "dog.png").unlink()
    Image.new("RGB", (400, 310), "white").save(photos / "green" / "dog.png")
    answer = client.post(DOWNLOADS, json={"ids": [1, 2, 3]})
    assert left_out(answer) == (2, "photograph-gone=2")
    found = packed(answer.content)
    told = found.pop("left out.txt").decode()
    assert len(found) == 1
    assert "dog.png: it was changed since it was indexed; index it again\n" in told
    assert "dog.png: it is not where it was" in told
    for path in photos.rglob("*.png"):
        path.unlink()
    refused = problem(client.post(DOWNLOADS, json={"ids": [1, 2, 3]}), 410, "photograph-gone")
    assert "None of these photographs can be saved" in refused


def test_one_of_the_same_size_is_found_out_while_it_is_read(client: TestClient, photos: Path) -> None:
    other = bytearray((photos / "green" / "dog.png").read_bytes())
    other[-20] ^= 1
    (photos / "green" / "dog.png").write_bytes(other)
    answer = client.post(DOWNLOADS, json={"ids": [1, 2, 3]})
    assert left_out(answer) == (0, None)
    found = packed(answer.content)
    assert found.pop("left out.txt") == b"dog.png: it was changed since it was indexed; index it again\n"
    assert len(found) == 2


def test_of_what_a_link_leads_out_to_the_reason_is_another(client: TestClient, photos: Path, tmp_path: Path) -> None:
    (photos / "red" / "dog.png").rename(tmp_path / "elsewhere.png")
    (photos / "red" / "dog.png").symlink_to(tmp_path / "elsewhere.png")
    answer = client.post(DOWNLOADS, json={"ids": [1, 3, 998]})
    assert left_out(answer) == (2, "no-item=1, outside=1")
    assert len(packed(answer.content)) == 2  # one, and the text


def test_what_is_too_much_is_refused_before_it_begins(client: TestClient) -> None:
    assert client.post(DOWNLOADS, json={"ids": [1, 2, 3, 4]}).status_code == 413
    assert client.post(DOWNLOADS, json={"ids": [998, 999]}).status_code == 404
    assert client.post(DOWNLOADS, json={"ids": []}).status_code == 422


def test_too_many_bytes_are_refused_before_they_begin(tmp_path: Path, photos: Path) -> None:
    sizes = [path.stat().st_size for path in photos.rglob("*.png")]
    with Library(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
    limits = Limits(download_bytes=sum(sizes) - 1)
    with client_of(tmp_path / "s", ServeSettings(limits=limits)) as client:
        problem(client.post("/downloads", json={"ids": [1, 2, 3]}), 413, "too-large")
        next(photos.rglob("*.png")).unlink()
        assert client.post("/downloads", json={"ids": [1, 2, 3]}).status_code == 200


@given(st.lists(st.sampled_from(["a.jpg", "A.jpg", "a-2.jpg", "a", "a-2", ".a"]), max_size=12))
def test_no_two_names_are_one(names: list[str]) -> None:
    given_names = Names()
    found = [given_names.new(name) for name in names]
    assert len({name.casefold() for name in found}) == len(names)


@given(
    st.text(max_size=300) | st.sampled_from(["CON", "nul.txt", "..", "a/../b", "x\r\nSet-Cookie: a=b", '"; x="', "‮gpj"])
)
def test_any_name_is_safe_to_save_and_in_a_header(name: str) -> None:
    saved = safe_name("/photos/" + name)
    assert saved
    assert saved not in (".", "..")
    assert len(saved.encode()) <= 210
    assert not set(saved) & set('/\\\r\n\0"<>|:*?')
    assert saved.split(".")[0].lower() not in ("con", "nul")
    header = disposition("/photos/" + name, attached=True)
    header.encode("ascii")
    assert header.startswith('attachment; filename="')
    assert header.count('"') == 2
    assert all(" " <= letter <= "~" for letter in header)
