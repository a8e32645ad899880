"""Names and captions of files are data: in JSON, in headers, in zips."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from search.library import Library
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.served import ADDRESS, API, asked

HOSTILE = [
    '<img src=x onerror="alert(1)">.png',
    "<script>alert(1)<!--.png",
    "a\r\nSet-Cookie: stolen=1\r\n\r\n<script>.png",
    'quoted"; filename="evil.exe".png',
    "\u202egnp.exe.png",
    "\x1b[2J\x07bell.png",
    "up\\..\\..\\windows.png",
    "semi;colon=1.png",
    "%0d%0aX-Evil: 1.png",
    "CON.png",
    "-rf.png",
    "日本語 🐱.png",
    os.fsdecode(b"broken\xff\xfe.png"),
    " leading and trailing .png ",
]
CAPTION = "</script><script>alert(document.cookie)</script> \u2028 \x1b]0;title\x07 \u202e"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Photographs of such names, each with a caption of that kind."""
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(HOSTILE):
        path = tmp_path / "photos" / name
        Image.new("RGB", (40, 30), (number, 0, 0)).save(path, "PNG")
        path.with_suffix(".txt").write_text(CAPTION)
    with Library(tmp_path / "s", encoder=ColourEncoder()) as library:
        assert library.index(tmp_path / "photos").encoded == len(HOSTILE)
    return tmp_path / "s"


def test_headers_have_one_line_and_no_other_field(store: Path) -> None:
    with asked(store) as client:
        for number in range(1, len(HOSTILE) + 1):
            answer = client.get(f"{API}/items/{number}/original?download=true")
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
            assert "x-evil" not in answer.headers
            said = answer.headers["content-disposition"]
            assert said.isascii()
            assert said.isprintable()
            assert said.startswith('attachment; filename="')
            assert said.count('"') == 2
            assert answer.headers["content-security-policy"].endswith("sandbox")


def test_names_in_a_zip_stay_in_their_folder(store: Path) -> None:
    with Library(store, encoder=ColourEncoder()) as library:
        ids = [each.id for each in library.items()]
    with asked(store) as client:
        answer = client.post(f"{API}/downloads", json={"ids": ids})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        names = packed.namelist()
    assert len(names) == len(HOSTILE)
    for name in names:
        assert not set(name) & set('/\\:*?"<>|\r\n\0\x1b\u202e')
        assert name not in (".", "..")
        assert name == name.strip(" .")
        assert name.split(".")[0].lower() != "con"


def test_json_holds_them_as_they_are_and_no_browser_takes_it_for_a_page(store: Path) -> None:
    with asked(store) as client:
        found = client.get(f"{API}/items?limit=100")
        assert found.status_code == 200
        assert found.headers["content-type"] == "application/json"
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["content-security-policy"].endswith("sandbox")
        items = found.json()["items"]
        names = {item["name"] for item in items}
        assert {name for name in HOSTILE if name.isascii() and name.isprintable()} <= names
        assert len(items) == len(HOSTILE)
        detail = client.get(f"{API}/items/{items[0]['id']}")
        assert any("<script>" in caption for caption in detail.json()["captions"])
        assert detail.headers["content-type"] == "application/json"


def test_problems_name_no_path(store: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "photos").iterdir():
        path.unlink()
    with asked(store) as client:
        for number in range(1, len(HOSTILE) + 1):
            answer = client.get(f"{API}/items/{number}/original")
            assert answer.status_code == 410
            assert str(tmp_path) not in answer.text


def test_what_is_asked_for_is_not_shown_as_markup(store: Path) -> None:
    with asked(store) as client:
        for path in ("/<script>alert(1)</script>", f"{API}/items/<script>/original", f"{API}/search?q=<script>&k=<b>"):
            answer = client.get(path)
            assert "html" not in answer.headers["content-type"]
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_whole_paths_are_told_to_this_machine_alone(red_store: Path) -> None:
    token = "a-token-of-a-test"
    for told, address, settings in (
        (True, ADDRESS, {}),
        (True, ADDRESS, {"token": token}),
        (True, "http://localhost:8765", {"names": ("localhost",)}),
        (False, "http://photos.example", {"names": ("photos.example",)}),  # a proxy on this machine leads to it
        (False, "http://127.0.0.1:8765", {"host": "0.0.0.0", "token": token}),
    ):
        with asked(red_store, address, **settings) as client:
            client.headers["Authorization"] = f"Bearer {token}"
            answer = client.get(f"{API}/items/1", params={"paths": True})
            assert answer.status_code == (200 if told else 403), settings
            assert told == (str(red_store.parent) in answer.text)
