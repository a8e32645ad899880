"""Selected photographs as one zip: as they are, each under a name of its own, within bounds."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

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

DOWNLOADS = "/api/v1/downloads"
LIMITS = Limits(download_files=3, download_bytes=100_000)


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
    found = packed(client.post(DOWNLOADS, json={"ids": [1, 999]}).content)
    assert found.pop("left out.txt") == b"#999: it is no longer in the index\n"
    assert found == packed(client.post(DOWNLOADS, json={"ids": [1]}).content)


def test_of_what_is_gone_or_changed_a_text_tells(client: TestClient, photos: Path) -> None:
    (photos / "red" / "dog.png").unlink()
    Image.new("RGB", (40, 30), "white").save(photos / "green" / "dog.png")
    found = packed(client.post(DOWNLOADS, json={"ids": [1, 2, 3]}).content)
    told = found.pop("left out.txt").decode()
    assert len(found) == 1
    assert "changed since it was indexed" in told
    assert "not where it was" in told
    for path in photos.rglob("*.png"):
        path.unlink()
    assert client.post(DOWNLOADS, json={"ids": [1, 2, 3]}).status_code == 410


def test_what_is_too_much_is_refused_before_it_begins(client: TestClient, photos: Path) -> None:
    assert client.post(DOWNLOADS, json={"ids": [1, 2, 3, 4]}).status_code == 413
    assert client.post(DOWNLOADS, json={"ids": [998, 999]}).status_code == 404
    assert client.post(DOWNLOADS, json={"ids": []}).status_code == 422
    with (photos / "red" / "dog.png").open("ab") as stream:
        stream.write(bytes(200_000))
    answer = client.post(DOWNLOADS, json={"ids": [1, 2, 3]})
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


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
