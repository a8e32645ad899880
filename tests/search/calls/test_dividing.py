"""Several stores become one, and a part of one a store of its own: nothing is lost, nothing is there twice, and answers
stay what they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import search
from indexer.errors import EncoderMismatchError, PathNotFoundError, StoreMissingError, UsageError
from indexer.store_address import store_folder
from tests.conftest import Cli
from tests.fixtures.colour_encoder import ColourTokenEncoder
from tests.fixtures.postgres_server import PostgresServer
from tests.indexer.pipeline.test_run import BLUE, GREEN, RED, paint

ASKED = ("red", "a green thing", "blue and red")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number in range(9):
        paint(folder / "abc"[number % 3] / f"{number}.bmp", (RED, GREEN, BLUE)[number % 3], (16, 12 + number))
    rows = [{"image": "a/0.bmp", "captions": ["a red field"]}, {"image": "b/1.bmp", "captions": ["a green field"]}]
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "a" / "3.txt").write_text("beside it\n")
    (folder / "c" / "copy.bmp").write_bytes((folder / "a" / "0.bmp").read_bytes())
    said = {"photoTakenTime": {"timestamp": "1620123072"}, "title": "2.bmp"}
    (folder / "c" / "2.bmp.json").write_text(json.dumps(said))
    return folder


def opened(folder: Path, weights: str = "1") -> search.Library:
    return search.open(folder, encoder=ColourTokenEncoder(weights))


@pytest.fixture
def whole(photos: Path, tmp_path: Path) -> Iterator[search.Library]:
    """A store of everything."""
    with opened(tmp_path / "whole") as library:
        library.index(photos, settings=search.IndexSettings(ignores=("*.tmp", "/c/raw/")))
        yield library


def answers(*libraries: search.Library) -> list[Any]:
    """What is found, whichever of them has it; scores to the last bit."""
    return [
        sorted(
            (hit.path, hit.text or "", hit.kind, hit.similarity, hit.date, hit.date_from)
            for library in libraries
            for hit in library.query(words, k=50, to="any", all_copies=True)
        )
        for words in ASKED
    ]


def test_stores_of_parts_become_that_of_the_whole(whole: search.Library, photos: Path, tmp_path: Path) -> None:
    for name in "abc":
        with opened(tmp_path / name) as part:
            part.index(photos / name)
            if name == "c":
                part.forget(photos / "c" / "5.bmp")
    with opened(tmp_path / "all") as library:
        found = library.merge(*(tmp_path / name for name in "abc"))
        assert (found.images, found.texts, found.known) == (9, 1, 0)
        assert [each.path for each in library.collections()] == [str(photos / name) for name in "abc"]
        again = library.merge(tmp_path / "a", tmp_path / "b")
        assert (again.files, again.known) == (0, 7)
        report = library.index()
        assert (report.encoded, report.tokens_added, report.failures, report.warnings) == (0, 0, [], [])
        assert str(photos / "c" / "5.bmp") in library.status().exclusions
        whole.forget(photos / "c" / "5.bmp", photos / "captions.jsonl")
        assert answers(library) == answers(whole)
        tokens, wanted = library.status().tokens, whole.status().tokens
        assert tokens is not None
        assert wanted is not None
        assert tokens.images == wanted.images == 9
        assert library.check() == []


def test_stores_that_have_the_same_files(whole: search.Library, photos: Path, tmp_path: Path) -> None:
    before = {item.path: item.id for item in whole.items()}
    with opened(tmp_path / "b") as part:
        part.index(photos / "b")
    found = whole.merge(tmp_path / "b")
    assert (found.files, found.known) == (0, 3)
    assert {item.path: item.id for item in whole.items()} == before
    whole.forget(photos / "b")
    assert whole.merge(tmp_path / "b").files == 0  # what a person has forgotten stays out
    assert len(list(whole.items())) == len(before) - 3


def test_photographs_need_not_be_there(whole: search.Library, photos: Path, tmp_path: Path) -> None:
    before = answers(whole)
    photos.rename(tmp_path / "away")
    with opened(tmp_path / "all") as library:
        library.merge(whole.folder)
        assert answers(library) == before


def test_what_was_fitted_goes_with_a_whole_store_and_stays_with_a_part(
    whole: search.Library,
    photos: Path,
    tmp_path: Path,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Into a database and back, too: there it lies in the catalog."""
    fitted = {"calibration.json": b"{}", "probes/cats.safetensors": b"probe"}
    for name, data in fitted.items():
        (whole.folder / name).parent.mkdir(exist_ok=True)
        (whole.folder / name).write_bytes(data)
    address = str(postgres_server.new_database())
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "one"))
    with opened(store_folder(address)) as served:
        assert served.merge(whole.folder).fitted == tuple(fitted)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "two"))
    with opened(tmp_path / "back") as back:
        assert back.merge(store_folder(address)).fitted == tuple(fitted)
        assert {name: (back.folder / name).read_bytes() for name in fitted} == fitted
    with opened(tmp_path / "d") as other:
        other.index(photos / "c")
        found = other.merge(whole.folder)
        assert (found.fitted, found.left) == ((), tuple(fitted))
        assert not (other.folder / "calibration.json").exists()
    assert whole.split(photos / "a", tmp_path / "part").left == tuple(fitted)


def test_a_folder_becomes_a_store_of_its_own(whole: search.Library, photos: Path, tmp_path: Path) -> None:
    before = answers(whole)
    found = whole.split(photos / "a", tmp_path / "part")
    assert (found.images, found.texts) == (3, 2)
    with opened(tmp_path / "part") as part:
        assert answers(whole, part) == before
        assert {Path(item.path).parent.name for item in part.items()} == {"a"}
        assert "a red field" in {item.text for item in part.items(kind="text")}
        assert [each.path for each in part.collections()] == [str(photos / "a")]
        report = part.index()
        assert (report.encoded, report.vanished, report.warnings) == (0, 0, [])
        assert answers(whole, part) == before
        assert part.status().roots[0].ignores[-1] == "*.tmp"
        (finding,) = part.check()  # the table of all stays where it is
        assert finding.problem == f"{photos / 'captions.jsonl'} lies below no folder of this index"
        assert whole.check() == []
    assert whole.index().encoded == 0
    assert {Path(item.path).parent.name for item in whole.items()} == {"b", "c"}
    whole.merge(tmp_path / "part")
    assert "a" not in {Path(item.path).parent.name for item in whole.items()}  # it was split off, and stays out
    with opened(tmp_path / "again") as again:
        again.merge(whole.folder, tmp_path / "part")
        assert answers(again) == before


def test_a_whole_root_is_split_off(whole: search.Library, photos: Path, tmp_path: Path) -> None:
    before = answers(whole)
    whole.split(photos, tmp_path / "part")
    with opened(tmp_path / "part") as part:
        assert answers(part) == before
    assert (list(whole.items()), whole.collections()) == ([], [])


def test_what_is_refused(whole: search.Library, photos: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "other", "2") as other:
        other.index(photos)
    before = answers(whole)
    with pytest.raises(
        EncoderMismatchError, match=r"`open\(store='.*other', encoder='colours'\).index\(reencode=True\)`"
    ):
        whole.merge(tmp_path / "other")
    with pytest.raises(UsageError, match="is the store that others come into"):
        whole.merge(whole.folder)
    with pytest.raises(UsageError, match="Name the stores"):
        whole.merge()
    with pytest.raises(StoreMissingError):
        whole.merge(tmp_path / "gone")
    with pytest.raises(UsageError, match="is the store itself"):
        whole.split(photos / "a", whole.folder)
    with pytest.raises(PathNotFoundError, match="Nothing of"):
        whole.split(tmp_path / "elsewhere", tmp_path / "new")
    with pytest.raises(EncoderMismatchError, match="is a store of another encoder"):
        whole.split(photos / "a", tmp_path / "other")
    with pytest.raises(UsageError, match="holds other files"):
        whole.split(photos / "a", photos)
    assert answers(whole) == before
    assert not (tmp_path / "new").exists()


class StoppedError(Exception):
    """What a listener raises in the middle."""


class Stopping:
    """Follows `Progress`."""

    def phase(self, name: str) -> None:
        """Go on."""

    def total(self, files: int) -> None:
        """Go on."""

    def advance(self, files: int) -> None:
        """No further."""
        raise StoppedError


def test_what_was_stopped_goes_on(
    whole: search.Library, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.pipeline.copy_store.PAGE", 2)
    before = answers(whole)
    with pytest.raises(StoppedError):
        whole.split(photos / "a", tmp_path / "part", progress=Stopping())
    assert answers(whole) == before
    whole.split(photos / "a", tmp_path / "part")
    with opened(tmp_path / "part") as part:
        assert answers(whole, part) == before


def test_the_commands(cli: Cli, whole: search.Library, photos: Path, tmp_path: Path) -> None:
    store, part, both = whole.folder, tmp_path / "part", tmp_path / "both"
    assert cli("split", photos / "a", "--into", part, "-s", store).out == (
        f"{part} has 3 images and 2 texts of its own now.\n"
    )
    found = json.loads(cli("split", photos / "b", "--into", part, "-s", store, "--json").out)
    assert (found["into"], found["images"], found["texts"]) == (str(part), 3, 1)
    merged = cli("merge", store, part, "--into", both)
    assert (merged.code, merged.out) == (
        0,
        f"10 images and 3 texts came into {both}; 1 file it had, or had forgotten.\n",  # the table of all,
    )
    assert json.loads(cli("merge", part, "--into", both, "--json").out)["images"] == 0
    with opened(tmp_path / "other", "2") as other:
        other.index(photos / "c")
    wrong = cli("merge", tmp_path / "other", "--into", both)
    assert (wrong.code, f"--store {tmp_path / 'other'}" in wrong.err, "--reencode" in wrong.err) == (2, True, True)
