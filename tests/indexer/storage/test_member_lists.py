"""The headers of a tar at a URL are read once for each state of it, also by another process."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.files.ignores import Ignores
from indexer.files.scan import walk
from indexer.files.scope import Scope
from indexer.storage import member_lists, remote, storages
from tests.fixtures.places_of_files import InTarInMemory


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEARCH_CACHE", str(tmp_path))
    return tmp_path / "tars"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Offsets of the pieces that are read."""
    found: list[int] = []
    plain = remote.Remote.part

    def part(self: remote.Remote, path: str, start: int, size: int) -> bytes:
        found.append(start)
        return plain(self, path, start, size)

    monkeypatch.setattr(remote.Remote, "part", part)
    return found


def names(top: str) -> list[str]:
    storages._inside.cache_clear()  # as another process begins
    found = walk(Scope(top, top), Ignores(()), lambda failure: None)
    return [each[0].decode("utf-8", "surrogateescape").removeprefix(f"{top}/") for each in found]


def test_an_unchanged_tar_is_not_read_again(cache: Path, parts: list[int]) -> None:
    tar = InTarInMemory()
    tar.put({"a.jpg": b"one", "ü/b.jpg": b"two"})
    assert names(tar.root) == ["a.jpg", "ü/b.jpg"]
    assert len(parts) == 1
    assert names(tar.root) == ["a.jpg", "ü/b.jpg"]
    assert len(parts) == 1
    tar.put({"c.jpg": b"three"})
    assert names(tar.root) == ["c.jpg"]
    assert len(parts) == 2


@pytest.mark.parametrize("data", [b"", b"no list", b"x\x9c\xab\x8e\x05\x00\x01\x15\x00\xb9"])
def test_what_is_no_list_is_made_anew(cache: Path, parts: list[int], data: bytes) -> None:
    tar = InTarInMemory()
    tar.put({"a.jpg": b"one"})
    names(tar.root)
    [place] = cache.iterdir()
    place.write_bytes(data)
    assert names(tar.root) == ["a.jpg"]
    assert names(tar.root) == ["a.jpg"]
    assert len(parts) == 2


def test_one_that_ends_early_and_the_oldest_are_not_kept(
    cache: Path, parts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    monkeypatch.setattr(member_lists, "_MOST", 2)
    for _ in range(4):
        tar = InTarInMemory()
        tar.put({"a.jpg": b"one"})
        names(tar.root)
    assert len(list(cache.iterdir())) == 2
    fsspec.filesystem("memory").pipe_file(tar.root.removeprefix("memory:/"), b"\0" * 100)
    before = len(parts)
    assert names(tar.root) == names(tar.root) == []
    assert len(parts) == before + 2
