"""The files of thumbnails: found again by content and size, bounded, private, and done without where
they cannot be kept."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from indexer.errors import UsageError
from indexer.settings import DecodeLimits
from indexer.thumbnails.cache import ThumbnailCache
from indexer.thumbnails.drawing import thumbnails
from search.library import Library
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.pictures import encoded, quarters

DRAWN = thumbnails(encoded(quarters(), "PNG"), DecodeLimits(), (256,))[256]
ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store over one photograph."""
    (tmp_path / "photos").mkdir()
    quarters().save(tmp_path / "photos" / "a.png")
    with Library(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(tmp_path / "photos")
    return tmp_path / "s"


def files(store: Path) -> list[Path]:
    return [path for path in (store / "thumbnails").rglob("*") if path.is_file()]


def test_it_is_found_again_by_content_and_size(store: Path) -> None:
    cache = ThumbnailCache(store)
    assert cache.get(ONE, 256) is None
    assert cache.put(ONE, 256, DRAWN)
    assert ThumbnailCache(store).get(ONE, 256) == DRAWN
    assert cache.get(ONE, 768) is None
    assert cache.get(TWO, 256) is None
    assert [(each.digest, each.bytes) for each in cache.all()] == [(ONE, len(DRAWN))]
    cache.remove([ONE])
    assert files(store) == []


@pytest.mark.skipif(os.name != "posix", reason="bits of POSIX")
def test_it_is_its_owners_alone_and_shared_with_a_store_that_is(store: Path) -> None:
    before = os.umask(0)
    try:
        ThumbnailCache(store).put(ONE, 256, DRAWN)
        assert {stat.S_IMODE(path.stat().st_mode) for path in files(store)} == {0o600}
        assert {stat.S_IMODE(path.stat().st_mode) for path in (store / "thumbnails", store / "thumbnails" / "01")} == {
            0o700
        }
        (store / "catalog.sqlite").chmod(0o644)
        ThumbnailCache(store).put(TWO, 256, DRAWN)
        assert stat.S_IMODE((store / "thumbnails" / "02").stat().st_mode) == 0o755
        assert sorted(stat.S_IMODE(path.stat().st_mode) for path in files(store)) == [0o600, 0o644]
    finally:
        os.umask(before)


def test_the_least_recently_used_go(store: Path) -> None:
    cache = ThumbnailCache(store, most_bytes=int(2.5 * len(DRAWN)))
    long_ago = time.time() - 10_000
    for age, digest in enumerate((ONE, TWO)):
        cache.put(digest, 256, DRAWN)
        path = next(path for path in files(store) if path.name.startswith(digest.hex()))
        os.utime(path, (long_ago + age, long_ago + age))
    assert cache.get(ONE, 256) == DRAWN  # the older one, and now the one that was used last
    cache.put(THREE, 256, DRAWN)
    assert {each.digest for each in cache.all()} == {ONE, THREE}


def test_bound_of_the_environment(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_THUMBNAILS", "0")
    cache = ThumbnailCache(store)
    assert not cache.put(ONE, 256, DRAWN)
    assert not (store / "thumbnails").exists()
    assert cache.share == 1
    monkeypatch.setenv("SEARCH_THUMBNAILS", "2 GB")
    assert ThumbnailCache(store).most_bytes == 2_000_000_000
    monkeypatch.setenv("SEARCH_THUMBNAILS", "much")
    with pytest.raises(UsageError, match="SEARCH_THUMBNAILS='much'"):
        ThumbnailCache(store)


def test_what_was_cut_short_is_not_shown(store: Path) -> None:
    cache = ThumbnailCache(store)
    for content in (b"", DRAWN[:-1], DRAWN + b"x", b"<script>"):
        cache.put(ONE, 256, content)
        assert cache.get(ONE, 256) is None


def test_a_store_that_cannot_be_written_does_without(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("indexer.thumbnails.cache.write_atomically", full)
    assert not ThumbnailCache(store).put(ONE, 256, DRAWN)


def test_a_store_that_was_moved_away_is_not_begun_anew(store: Path, tmp_path: Path) -> None:
    """It could not be put back: a folder would be in its place."""
    cache = ThumbnailCache(store)
    assert cache.put(ONE, 256, DRAWN)
    store.rename(tmp_path / "elsewhere")
    assert not cache.put(ONE, 768, DRAWN)
    assert not store.exists()
    (tmp_path / "elsewhere").rename(store)
    assert cache.get(ONE, 256) == DRAWN


@pytest.mark.parametrize("inner", ["", "01"])
def test_nothing_is_read_or_written_through_a_link(store: Path, tmp_path: Path, inner: str) -> None:
    cache = ThumbnailCache(store)
    cache.put(ONE, 256, DRAWN)
    place, elsewhere = store / "thumbnails" / inner, tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    assert cache.get(ONE, 256) is None
    assert not cache.put(b"\1" * 31 + b"\2", 256, DRAWN)
    cache.remove([ONE])
    assert list(cache.all()) == []
    assert sorted(elsewhere.rglob("*")) == before
