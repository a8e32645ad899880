"""What `doctor` says of a store that another process is filling, and of one that holds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import search
from indexer import doctor
from indexer.errors import StoreBusyError
from indexer.store import write_lock, writer
from tests.fixtures.colour_encoder import ColourEncoder
from tests.fixtures.paths import ROOT

#: What another process sees of the store while the first run is at work.
LOOK = """
import sys, search
from indexer.errors import StoreBusyError
from tests.fixtures.colour_encoder import ColourEncoder
with search.open(sys.argv[1], encoder=ColourEncoder()) as library:
    for finding in library.check():
        print(finding.part, finding.grave, finding.problem)
    print(library.status().images, [hit.path[-5:] for hit in library.query("red", k=1)])
    try:
        library.repair()
    except StoreBusyError as error:
        print(error)
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(8):
        Image.new("RGB", (9, 9), (255 - 30 * number, 30 * number, 0)).save(folder / f"{number}.png")
    return folder


def test_a_first_run_that_is_at_work_is_no_damage(tmp_path: Path, photos: Path) -> None:
    store = tmp_path / "s"
    seen: list[str] = []

    class Looking:
        def phase(self, name: str) -> None: ...

        def total(self, files: int) -> None: ...

        def advance(self, files: int) -> None:
            if not seen:
                look = [sys.executable, "-c", LOOK, str(store)]
                done = subprocess.run(look, capture_output=True, text=True, check=True, cwd=ROOT)
                seen.extend(done.stdout.splitlines())

    with search.open(store, encoder=ColourEncoder()) as library:
        assert library.index(photos, progress=Looking()).encoded == 8
        me = f"another process ({os.getpid()})"
        assert seen == [
            f"index False {me} is writing into this store, and what it builds last is not judged",
            "4 ['0.png']",
            f"{me[0].upper()}{me[1:]} is writing to {store}; try again when it ends.",
        ]
        assert library.check() == []


def test_who_writes_is_known_while_it_does(tmp_path: Path) -> None:
    assert writer(tmp_path) is None
    assert list(tmp_path.iterdir()) == []  # to look changes nothing
    with write_lock(tmp_path):
        assert writer(tmp_path) == f"another process ({os.getpid()})"
        with (
            pytest.raises(StoreBusyError, match=f"Another process \\({os.getpid()}\\) is writing"),
            write_lock(tmp_path),
        ):
            pass
    assert writer(tmp_path) is None
    (tmp_path / "writer.pid").write_text("1")  # of one that was killed
    assert writer(tmp_path) is None


def test_an_index_that_holds_nothing_is_said(tmp_path: Path, photos: Path) -> None:
    for picture in photos.iterdir():
        picture.unlink()
    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        library.index(photos)
        (finding,) = library.check()
        assert finding.problem == f"{tmp_path / 's'} holds no image yet"
        assert not finding.grave


def test_a_killed_first_run_is_still_judged(tmp_path: Path, photos: Path) -> None:
    class KilledError(Exception):
        pass

    class Killing:
        def phase(self, name: str) -> None: ...

        def total(self, files: int) -> None: ...

        def advance(self, files: int) -> None:
            raise KilledError

    with search.open(tmp_path / "s", encoder=ColourEncoder()) as library:
        with pytest.raises(KilledError):
            library.index(photos, progress=Killing())
        assert [finding.problem for finding in doctor.check(tmp_path / "s")] == ["the index of 4 images is missing"]
        library.repair()
        assert library.check() == []
