"""What is given back to the disk, and that of what was forgotten no byte is left."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import search
from indexer import compact as compacting
from indexer.errors import StoreBusyError, StoreUnwritableError, UsageError
from indexer.store import write_lock
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.damage import overwrite, pages
from tests.fixtures.paths import ROOT
from tests.indexer.pipeline.test_orphans import begin, shoot
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, Bench

SECRET = "a secret that nobody is to read"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name, colour in (("b", GREEN), ("c", BLUE)):
        shoot(folder / f"{name}.jpg", colour, f"{name} at home")
    shoot(folder / "secret.jpg", RED, SECRET)
    (folder / "secret.txt").write_text(SECRET + " beside")
    (folder / "captions.csv").write_text(f"image,caption\nsecret.jpg,{SECRET} in a table\nb.jpg,green\n")
    return folder


@pytest.fixture
def store(tmp_path: Path, photos: Path) -> Path:
    with search.open(tmp_path / "s", encoder=ColourTokenEncoder()) as library:
        library.index(photos)
    return tmp_path / "s"


def holds_secret(store: Path) -> bool:
    return any(SECRET.encode() in path.read_bytes() for path in store.rglob("*") if path.is_file())


def answers(store: Path) -> list[tuple[str, str | None, float]]:
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        return [(hit.path, hit.text, hit.score) for hit in library.query("red", k=50, to="any")]


def test_of_what_was_forgotten_no_byte_is_left(store: Path, photos: Path) -> None:
    assert holds_secret(store)
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        library.forget(photos / "secret.jpg")
        found = library.compact()
        assert (found.contents, found.texts, found.vectors, found.complete) == (0, 0, 0, True)
        assert not holds_secret(store)
        assert library.check() == []
        library.index()
        library.compact()
    assert not holds_secret(store)
    assert len(answers(store)) == 5


def test_room_goes_back_and_answers_stay(store: Path, photos: Path) -> None:
    for number in range(200):
        shoot(photos / f"{number}.jpg", (number % 256, 9, number // 2), f"{number} " * 60)
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        library.index()
        library.forget(*(photos / f"{number}.jpg" for number in range(200)))
        wanted = answers(store)
        before = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
        found = library.compact()
    now = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    assert found.bytes == pytest.approx(now, abs=33_000)  # but for the index of the log, while it is open
    assert found.freed == pytest.approx(before - now, abs=33_000)
    assert found.freed > 200_000
    assert answers(store) == wanted
    assert not (store / "catalog.sqlite-wal").exists() or (store / "catalog.sqlite-wal").stat().st_size == 0


def test_a_change_of_encoder_that_was_given_up_is_let_go(store: Path) -> None:
    begin(Bench(store, ColourTokenEncoder("2")))
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        found = library.compact()
    assert found.vectors > 0
    assert len(answers(store)) == 9


def test_without_room_nothing_is_lost(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = answers(store)
    monkeypatch.setattr(compacting.shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with search.open(store) as library, pytest.raises(StoreUnwritableError, match="make room"):
        library.compact()
    assert answers(store) == wanted


@pytest.mark.skipif(os.name != "posix", reason="forbids a process to let files grow")
def test_on_a_disk_that_fills_up_nothing_is_lost(store: Path) -> None:
    wanted = answers(store)
    code = (
        "import resource, search, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from indexer.errors import StoreUnwritableError\n"
        "try:\n    search.open(sys.argv[1]).compact()\nexcept StoreUnwritableError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert str(store) in done.stdout
    assert done.stdout.count("\n") == 1
    assert answers(store) == wanted


def test_what_a_repair_kept_for_the_next_run_is_not_deleted(store: Path, photos: Path) -> None:
    before = answers(store)
    shot = random.Random(1)
    leaf = pages(store / "catalog.sqlite")["item"][-1]
    overwrite(store / "catalog.sqlite", leaf, shot)
    with search.open(store, encoder=ColourTokenEncoder()) as library:
        library.repair()
        with pytest.raises(UsageError, match=r"was repaired.* run `index\(\)` first"):
            library.compact()
        report = library.index()
        assert report.encoded == 0
        library.compact()
    assert [text for _, text, _ in answers(store)] == [text for _, text, _ in before]


def test_one_writer_at_a_time(store: Path) -> None:
    with write_lock(store), search.open(store) as library, pytest.raises(StoreBusyError):
        library.compact()


def test_the_command(cli: Cli, store: Path) -> None:
    answer = cli("compact", "-s", store)
    assert answer.code == 0
    assert answer.out.startswith("Freed ")
    assert cli("compact", "-s", store, "--json").code == 0


def test_what_a_training_has_computed_is_named_and_goes_only_when_that_is_said(cli: Cli, store: Path) -> None:
    for name in ("adapted.work/heads", "reranker.work"):
        (store / name).mkdir(parents=True)
        (store / name / "pass-0001.pt").write_bytes(bytes(2_000_000))
    rows = [line for line in cli("status", "-s", store).out.splitlines() if line.startswith("unfinished")]
    assert [row.split()[1:6] for row in rows] == [
        ["a", "training", "of", "the", f"{trained},"] for trained in ("encoder", "reranker")
    ]
    assert "2 MB (search train encoder with the same options goes on with it" in rows[0]
    assert json.loads(cli("status", "-s", store, "--json").out)["trainings"] == [
        {"trained": trained, "bytes": 2_000_000} for trained in ("encoder", "reranker")
    ]
    answer = cli("compact", "-s", store)
    assert "Kept: a training of the reranker, 2 MB" in answer.out
    assert "search compact --trainings lets it go" in answer.out
    with write_lock(store / "reranker.work"):  # it runs
        assert cli("compact", "-s", store, "--trainings").code == 2
    assert not (store / "adapted.work").exists()
    assert (store / "reranker.work" / "pass-0001.pt").exists()
    found = json.loads(cli("compact", "-s", store, "--trainings", "--json").out)
    assert (found["trainings"], found["freed"] >= 2_000_000) == (1, True)
    assert not (store / "reranker.work").exists()
    assert "unfinished" not in cli("status", "-s", store).out


def test_a_training_behind_a_link_is_none_of_ours(cli: Cli, store: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pass-0001.pt").write_bytes(b"work")
    (store / "adapted.work").symlink_to(tmp_path / "mine")
    assert cli("compact", "-s", store, "--trainings").code == 0
    assert (tmp_path / "mine" / "pass-0001.pt").exists()
