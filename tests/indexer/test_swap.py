"""A repair that is killed anywhere leaves a store that whatever opens it next finds whole; nothing is left behind."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from indexer import doctor, swap
from indexer.catalog.items import Items
from indexer.errors import StoreBusyError, StoreUnwritableError
from indexer.store import Store, write_lock
from tests.fixtures.catalog_rows import add_photo, new_catalog
from tests.fixtures.damage import overwrite, pages

COUNT = 6
#: What takes a name away or gives one, or makes it last.
CALLS = ("replace", "unlink", "fsync")


class KilledError(BaseException):
    """Nothing runs after it: no call of the system does anything any more."""


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of which a page is damaged, with a log beside it. Not to be changed."""
    folder = tmp_path_factory.mktemp("damaged") / "s"
    catalog = new_catalog(folder / "catalog.sqlite")
    with catalog.batch() as batch:
        for number in range(1, COUNT + 1):
            add_photo(batch, 1, f"/photos/{number}.jpg", number)
    catalog.close()
    path = folder / "catalog.sqlite"
    overwrite(path, pages(path)["item"][0], random.Random(1))
    return folder


def kill_at(patch: pytest.MonkeyPatch, count: int) -> Callable[[], bool]:
    """Kill the process at the call of this number; whether it came so far."""
    calls = 0

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls >= count:
                raise KilledError
            return call(*arguments, **named)

        return wrapper

    for name in CALLS:
        patch.setattr(os, name, counted(getattr(os, name)))
    return lambda: calls >= count


def images(folder: Path) -> int:
    store = Store.open(folder)
    try:
        with store.catalog.snapshot() as snapshot:
            return Items(snapshot).count("image")
    finally:
        store.close()


def test_killed_at_every_call(damaged: Path, tmp_path: Path) -> None:
    for count in range(1, 200):
        folder = Path(shutil.copytree(damaged, tmp_path / str(count)))
        with pytest.MonkeyPatch.context() as patch:
            was_killed = kill_at(patch, count)
            with suppress(KilledError):
                doctor.repair(folder)
        if not was_killed():
            break
        if not swap.is_cut_short(folder) and any(finding.grave for finding in doctor.check(folder)):
            doctor.repair(folder)  # it had not come far
        assert images(folder) == COUNT
        assert not [finding for finding in doctor.check(folder) if finding.grave and finding.part == "catalog"]
        with write_lock(folder):
            names = set(os.listdir(folder))
        assert not {name for name in names if name.startswith(("catalog.salvaged", "catalog.repaired"))}
    assert count > 8


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_swap_that_was_cut_short_is_finished_by_a_reader(damaged: Path, tmp_path: Path, moved: int) -> None:
    folder = Path(shutil.copytree(damaged, tmp_path / "s"))
    doctor.repair(folder)
    (old,) = folder.glob("catalog.sqlite.damaged-*")
    (folder / "catalog.sqlite").rename(folder / swap.REPAIRED_NAME)  # as it was before the last step
    if moved < 2:
        old.rename(folder / "catalog.sqlite")
    if moved < 1:
        (folder / "catalog.sqlite-wal").write_bytes(b"of the damaged catalog")
    assert images(folder) == COUNT
    assert not (folder / swap.REPAIRED_NAME).exists()
    assert not (folder / "catalog.sqlite-wal").exists() or not (folder / "catalog.sqlite-wal").read_bytes()


def test_who_may_not_finish_it_is_told_who_may(damaged: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(damaged, tmp_path / "s"))
    (folder / swap.REPAIRED_NAME).write_bytes((folder / "catalog.sqlite").read_bytes())
    with pytest.MonkeyPatch.context() as patch:

        def refused(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        patch.setattr(os, "replace", refused)
        with pytest.raises(StoreUnwritableError, match="cannot be put in its place") as caught:
            Store.open(folder)
    assert str(folder) in str(caught.value)


def test_a_swap_of_another_process_is_waited_for(
    damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(damaged, tmp_path / "s"))
    with write_lock(folder):
        (folder / swap.REPAIRED_NAME).write_bytes(b"")
        monkeypatch.setattr("indexer.store.SETTLING", 2)
        with pytest.raises(StoreBusyError, match="repairing"):
            Store.open(folder)


def test_the_newest_damaged_catalogs_are_kept(damaged: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(damaged, tmp_path / "s"))
    for day in ("01", "02", "03"):
        for end in ("", "-wal"):
            (folder / f"catalog.sqlite.damaged-202601{day}-000000{end}").write_bytes(b"x")
    doctor.repair(folder)
    left = sorted(path.name for path in folder.glob("catalog.sqlite.damaged-*"))
    assert left[:2] == ["catalog.sqlite.damaged-20260103-000000", "catalog.sqlite.damaged-20260103-000000-wal"]
    assert len(left) == 3


def test_an_unfinished_copy_goes_with_the_next_writer(damaged: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(damaged, tmp_path / "s"))
    for end in ("", "-wal", "-shm"):
        (folder / f"catalog.salvaged.sqlite{end}").write_bytes(b"half")
    with write_lock(folder):
        assert not list(folder.glob("catalog.salvaged*"))


def test_a_disk_on_which_nothing_can_be_taken_away_ends_in_a_sentence(
    damaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(damaged, tmp_path / "s"))
    fails = Faults(monkeypatch)
    with pytest.raises(StoreUnwritableError):
        doctor.repair(folder)
    assert fails.met
    monkeypatch.undo()
    doctor.repair(folder)  # nothing was lost
    assert images(folder) > 0
    assert not list(folder.glob("catalog.salvaged*"))


class Faults:
    """From the first write that is made to last on, no file can be made to last or taken away."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.met = False
        unlink = os.unlink

        def fsync(descriptor: int) -> None:
            self.met = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def refused(path: str | Path, *arguments: object, **named: object) -> None:
            if self.met and "salvaged" in str(path):
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
            unlink(path)

        patch.setattr(os, "fsync", fsync)
        patch.setattr(os, "unlink", refused)
