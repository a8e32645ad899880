"""What the file system says of a path, and what is made of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import search
from indexer import doctor, reach
from indexer.errors import StoreUnwritableError, UsageError
from indexer.store import Store, writer

TOO_LONG = "x" * 300


def refusing(error: int) -> Callable[..., os.stat_result]:
    def refuse(path: str, **_: object) -> os.stat_result:
        raise OSError(error, os.strerror(error), path)

    return refuse


def test_there_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nothing")
    found = reach.look(tmp_path / "file")
    assert found is not None
    assert found.st_size == 0
    for name in ("nothing", "file/on/the/way", "dangling", "a\0b"):
        assert reach.look(tmp_path / name) is None
        assert reach.is_missing(tmp_path / name)
    for name, code in (("loop", errno.ELOOP), (TOO_LONG, errno.ENAMETOOLONG)):
        with pytest.raises(OSError, match=os.strerror(code)) as raised:
            reach.look(tmp_path / name)
        assert raised.value.errno == code
        assert not reach.is_missing(tmp_path / name)


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_what_nobody_may_say_is_not_missing(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    monkeypatch.setattr(reach.os, "stat", refusing(error))
    assert not reach.is_missing("/closed/photo.jpg")
    why = os.strerror(error).lower()
    with pytest.raises(UsageError) as raised:
        reach.look_named("/closed/photo.jpg", "The query image ")
    assert str(raised.value) == (
        f"The query image /closed/photo.jpg cannot be looked at ({why}); change the permissions, or name another."
    )
    with pytest.raises(StoreUnwritableError) as out_of_reach:
        reach.check_store_place("/closed/store")
    assert str(out_of_reach.value) == (
        f"The store /closed/store cannot be reached ({why}); make it readable or name another `store`."
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (TOO_LONG, "… cannot be used (file name too long); name another place with `store`."),
        ("loop", "loop cannot be used (too many levels of symbolic links); name another place with `store`."),
        ("file/x/y", "file/x/y cannot be used ({folder}/file is a file); name another place with `store`."),
        ("file", "file is a file, and an index is a folder; name another place with `store`."),
    ],
)
def test_where_no_store_can_be_is_wrong_use(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "photos").mkdir()
    place = tmp_path / name
    library = search.Library(place)
    for work in (
        lambda: Store.open(place),
        lambda: Store.create(place),
        lambda: doctor.check(place),
        lambda: doctor.repair(place),
        lambda: library.query("a cat"),
        lambda: library.index(tmp_path / "photos"),
    ):
        with pytest.raises(UsageError) as raised:
            work()
        assert str(raised.value).endswith(said.format(folder=tmp_path))
        assert len(str(raised.value)) < 300
    assert writer(place) is None


@pytest.mark.parametrize(
    ("variable", "value", "roots", "said"),
    [
        ("SEARCH_THREADS", "abc", ["photos"], "SEARCH_THREADS='abc' is not a positive whole number"),
        ("SEARCH_WORKERS", "0", ["photos"], "SEARCH_WORKERS='0' is not a positive whole number"),
        ("SEARCH_STORE", "unused", [], "Name a folder to index; there is no index at"),
    ],
)
def test_a_first_run_that_cannot_begin_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, roots: list[str], said: str
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.setenv(variable, value)
    with search.open(tmp_path / "new.search") as library, pytest.raises(UsageError) as raised:
        library.index(*(tmp_path / root for root in roots))
    assert str(raised.value).startswith(said)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
