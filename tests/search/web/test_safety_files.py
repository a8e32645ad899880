"""Files leave by the id of an item alone, and only from the indexed folders, links followed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.errors import UnreadableFileError
from indexer.files import inside
from indexer.files.inside import OutsideError, open_inside
from tests.fixtures.served import API, asked

KINDS = ("thumbnail", "preview", "original")


@pytest.mark.parametrize(
    "address",
    [
        "/items/../../secret.png/original",
        "/items/..%2f..%2fsecret.png/original",
        "/items/%2e%2e%2f%2e%2e%2fsecret.png/original",
        "/items/..%252f..%252fsecret.png/original",
        "/items/..%5c..%5csecret.png/original",
        "/items/%00/original",
        "/items/1%00/original",
        "/items/1/../../original",
        "/items/-1/original",
        "/items/1e0/original",
        "/items/9223372036854775808/original",
        "/items/99999999999999999999999999/thumbnail",
        "/items//etc/passwd/original",
        "/items/file:%2f%2f%2fetc%2fpasswd/original",
        "/items/http:%2f%2fexample.org/original",
        "/uploads/..%2f..%2fsecret.png/thumbnail",
        "/uploads/%2fetc%2fpasswd/thumbnail",
        "/uploads/" + "0" * 32 + "%00/thumbnail",
        "/../../../../../../etc/passwd",
        "/..%2f..%2f..%2f..%2fetc/passwd",
    ],
)
def test_no_address_is_a_path(red_store: Path, address: str) -> None:
    with asked(red_store) as client:
        answer = client.get(API + address)
    assert answer.status_code in (404, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "passwd" not in answer.text.replace(address, "")
    assert "Traceback" not in answer.text


def refused(store: Path, reason: str, status: int) -> None:
    with asked(store) as client:
        for kind in KINDS:
            answer = client.get(f"{API}/items/1/{kind}")
            assert answer.status_code == status, (kind, answer.text)
            assert reason in answer.json()["detail"]


def test_a_link_to_another_file_gives_nothing_away(red_store: Path, red: Path, tmp_path: Path) -> None:
    red.unlink()
    red.symlink_to(tmp_path / "secret.png")
    refused(red_store, "outside of the indexed folders", 403)


def test_nor_to_the_same_content_elsewhere(red_store: Path, red: Path, tmp_path: Path) -> None:
    with asked(red_store) as client:
        assert client.get(f"{API}/items/1/thumbnail").status_code == 200  # which is kept now
    red.rename(tmp_path / "moved.png")
    red.symlink_to(tmp_path / "moved.png")
    refused(red_store, "outside of the indexed folders", 403)


def test_nor_does_a_folder_that_became_a_link(red_store: Path, red: Path, tmp_path: Path) -> None:
    """A folder on the way; the indexed folder itself may be a link, as its owner made it."""
    inner = red.parent / "inner"
    inner.mkdir()
    red.rename(inner / "red.png")
    (tmp_path / "photos" / "again").symlink_to(inner)
    from search.library import Library
    from tests.fixtures.colour_encoder import ColourEncoder

    with Library(red_store, encoder=ColourEncoder()) as library:
        library.index(red.parent)
        number = next(iter(library.items())).id
    with asked(red_store) as client:
        assert client.get(f"{API}/items/{number}/original").status_code == 200
        inner.rename(tmp_path / "outside")
        inner.symlink_to(tmp_path / "outside")
        answer = client.get(f"{API}/items/{number}/original")
    assert answer.status_code == 403


def test_a_pipe_in_its_place_keeps_nobody_waiting(red_store: Path, red: Path) -> None:
    red.unlink()
    os.mkfifo(red)
    refused(red_store, "no longer a regular file", 410)


def swap_before_open(red: Path, secret: Path) -> Callable[..., int]:
    """`os.open` behind a swap: the file's folder becomes a link to another one just before."""
    before = os.open

    def swapped(path: str, flags: int, *more: int) -> int:
        if os.fspath(path) == str(red):
            red.parent.rename(red.parent.with_name("away"))
            red.parent.symlink_to(secret.parent)
        return before(path, flags, *more)

    return swapped


def test_a_swap_between_the_look_and_the_opening(red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, root = tmp_path / "root" / "sub", tmp_path / "root"
    folder.mkdir(parents=True)
    wanted = folder / "red.png"
    red.rename(wanted)
    (tmp_path / "outside").mkdir()
    secret = tmp_path / "outside" / "red.png"
    (tmp_path / "secret.png").rename(secret)
    monkeypatch.setattr(inside.os, "open", swap_before_open(wanted, secret))
    with pytest.raises(OutsideError):
        open_inside(str(wanted), [str(root)])


def test_a_swap_where_the_system_names_no_open_file(red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "_own_path", lambda _: None)
    with open_inside(str(red), [str(red.parent)]) as file:
        assert file.read(4) == b"\x89PNG"
    test_a_swap_between_the_look_and_the_opening(red, tmp_path, monkeypatch)


def test_links_that_are_swapped_all_the_time_give_nothing_away(red_store: Path, red: Path, tmp_path: Path) -> None:
    secret, real, aside = tmp_path / "secret.png", red.parent / "real.png", red.parent / "swap"
    red.rename(real)
    contents = real.read_bytes()
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            for target in (secret, real):
                aside.symlink_to(target)
                os.replace(aside, red)

    red.symlink_to(real)
    thread = threading.Thread(target=swap)
    thread.start()
    seen = set()
    try:
        with asked(red_store) as client:
            for _ in range(300):
                answer = client.get(f"{API}/items/1/original")
                seen.add(answer.status_code)
                if answer.status_code == 200:
                    assert answer.content == contents
                else:
                    assert answer.status_code in (403, 410), answer.text
    finally:
        ended.set()
        thread.join()
    assert 200 in seen


def test_what_is_open_may_vanish(red: Path) -> None:
    with open_inside(str(red), [str(red.parent)]) as file:
        red.unlink()
        assert file.read(4) == b"\x89PNG"
    with pytest.raises(UnreadableFileError, match="not where it was"):
        open_inside(str(red), [str(red.parent)])


@pytest.mark.parametrize("name", ["a\0b", "\udcff", "x" * 5_000])
def test_what_can_be_no_path(red: Path, name: str) -> None:
    with pytest.raises(UnreadableFileError):
        open_inside(str(red.parent / name), [str(red.parent)])
