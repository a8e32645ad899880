"""What of a path leaves the server."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.web.addresses import is_loopback
from search.web.shown import Shown, as_text

SHOWN = Shown(("/home/ann/photos", "/home/ann/photos/trips", "/media/card"), Path("/home/ann/.local/photos.search"))


@pytest.mark.parametrize(
    ("path", "folder", "name"),
    [
        ("/home/ann/photos/a.jpg", "photos", "a.jpg"),
        ("/home/ann/photos/trips/rome/a.jpg", "photos/trips/rome", "a.jpg"),
        ("/media/card/DCIM/100/b.png", "card/DCIM/100", "b.png"),
        ("/home/ann/photos2/c.png", "", "c.png"),
        ("/etc/passwd", "", "passwd"),
        ("/media/card/\udcff\udcfe.png", "card", "��.png"),
    ],
)
def test_a_place_begins_at_its_indexed_folder(path: str, folder: str, name: str) -> None:
    assert SHOWN.place(path) == (folder, name)
    assert SHOWN.path(path) is None
    assert Shown(SHOWN.roots, SHOWN.store, paths=True).path(path) == as_text(path)


def test_a_photograph_or_a_drive_that_was_indexed_by_itself() -> None:
    assert Shown(("/home/ann/a.jpg",), SHOWN.store).place("/home/ann/a.jpg") == ("", "a.jpg")
    assert Shown(("/",), SHOWN.store).place("/pictures/a.jpg") == ("files/pictures", "a.jpg")


def test_sentences_lose_what_is_above() -> None:
    said = (
        "There is no index at /home/ann/.local/photos.search; /home/ann/photos/trips/a.jpg and /home/ann/photos/b.jpg."
    )
    assert SHOWN.sentence(said) == "There is no index at photos.search; trips/a.jpg and photos/b.jpg."
    assert Shown(SHOWN.roots, SHOWN.store, paths=True).sentence(said) == said


@given(st.lists(st.text(st.characters(codec=None, exclude_characters="/\0"), min_size=1), min_size=1, max_size=5))
def test_nothing_above_an_indexed_folder_is_told(parts: list[str]) -> None:
    shown = Shown(("/very/secret/photos",), Path("/very/secret/store"))
    folder, name = shown.place("/very/secret/photos/" + "/".join(parts))
    assert not folder.startswith("/")
    assert not folder.startswith("..")
    assert (f"{folder}/{name}").encode()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "unix:/run/s.sock", "/run/s"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", "", "127.0.0.1.example.org"])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)
