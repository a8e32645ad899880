"""A hostile folder in 600 MB of memory: its good photographs are indexed, and each of the others has a reason."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fixtures.hostile import hostile_folder, webp_of_one_colour
from tests.fixtures.paths import ROOT

pytestmark = pytest.mark.slow

LIMIT = 600_000_000

#: Runs a command line in this process, and says at the end what it held at its most: of its own, in kilobytes.
PROGRAM = """
import os, re, sys, threading, time

most = 0
def watch():
    global most
    while True:
        with open("/proc/self/status") as status:
            most = max(most, int(re.search(r"RssAnon:\\s*(\\d+)", status.read())[1]))
        time.sleep(0.005)

threading.Thread(target=watch, daemon=True).start()
end = os._exit
def said(code):
    with open(target, "w") as file:
        file.write(str(most))
    end(code)
os._exit = said
target = sys.argv.pop(1)
from search.__main__ import main
try:
    main()
except SystemExit as error:
    sys.stdout.flush()
    said(error.code or 0)
said(0)
"""


@pytest.fixture(scope="module")
def folder(real_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("memory") / "photos"
    hostile_folder(folder / "hostile")
    (folder / "good").mkdir()
    for source in sorted(real_photos.glob("*.[jp][pn]g")):
        shutil.copy(source, folder / "good")
    return folder


@pytest.fixture
def bounded() -> Iterator[Callable[[], None] | None]:
    """What a child runs first so that the system ends it above `LIMIT`; None where no control group can be made."""
    version_1, version_2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    top, name = (version_1, "memory.limit_in_bytes") if version_1.is_dir() else (version_2, "memory.max")
    group = top / f"search-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / name).write_text(str(LIMIT))
    except OSError:
        with suppress(OSError):
            group.rmdir()
        yield None
        return
    try:
        yield lambda: (group / "cgroup.procs").write_text(str(os.getpid())) and None
    finally:
        group.rmdir()


def _search(*arguments: object, bounded: Callable[[], None] | None, peak: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "SEARCH_MEMORY"}
    if bounded is None:  # the process is told what it would have found
        environment["SEARCH_MEMORY"] = str(int(0.9 * LIMIT))
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(peak), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT), "SEARCH_RESIDENT": "off"},
        preexec_fn=bounded,
    )


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell what a process holds")
def test_a_hostile_folder_in_600_megabytes(folder: Path, tmp_path: Path, bounded: Callable[[], None] | None) -> None:
    store, peak = tmp_path / "s", tmp_path / "peak"
    done = _search("index", "-q", folder, "-s", store, bounded=bounded, peak=peak)
    assert done.returncode == 3, done.stderr  # some files could not be read, and the others are indexed
    assert "Traceback" not in done.stderr
    assert 1024 * int(peak.read_text()) < LIMIT
    good = sorted(path.name for path in (folder / "good").iterdir())
    listed = _search("query", "a photograph", "-k", "100", "--paths", "-s", store, bounded=bounded, peak=peak)
    found = sorted(Path(line).name for line in listed.stdout.splitlines() if "/good/" in line)
    assert found == good
    failed = _search("status", "--failed", "-s", store, bounded=None, peak=peak).stdout
    reasons = dict(re.findall(r"^.*/hostile/([^:]+): (.*)$", failed, re.MULTILINE))
    for name in ("0 one colour.webp", "0 canvas.webp", "1 float.tif", "0 double.tif", "1 tile.tif", "0 zeros.png"):
        assert re.fullmatch(
            r"decoding it takes up to [\d.]+ GB of memory, and of the 540 MB that .* SEARCH_MEMORY=\S+B would do, .*",
            reasons[name],
        )
    for name in ("sparse.png", "sparse.tif", "captions.jsonl"):
        assert re.fullmatch(
            r"reading (it|its captions) takes up to .* of memory, .*; SEARCH_MEMORY=\S+B would do, .*",
            reasons[name],
        )
    assert reasons["0 claims.jpg"].startswith("its data are far too few for the 65,000 x 3,900 pixels")
    assert (
        reasons["sparse.avif"]
        == "its content is no image format that can be read; copy it again, or save it as JPEG, PNG or TIFF"
    )
    assert reasons["sparse.heic"] == (
        "the beginning of the file is empty (zeros): the copy was interrupted; copy it again"
    )
    assert sorted(path.name for path in store.iterdir()) == ["catalog.sqlite", "encoder.json", "vectors", "writer.lock"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell what a process holds")
def test_a_hostile_query_image(indexed: Path, tmp_path: Path, bounded: Callable[[], None] | None) -> None:
    image, peak = tmp_path / "evil.webp", tmp_path / "peak"
    image.write_bytes(webp_of_one_colour(16383, 10900))
    done = _search("query", image, "-s", indexed, bounded=bounded, peak=peak)
    assert done.returncode == 2, done
    assert "decoding it takes up to 2.9 GB of memory, and of the 540 MB that this process may use" in done.stderr
    assert 1024 * int(peak.read_text()) < LIMIT


def test_a_wrong_limit_is_said(indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_MEMORY", "lots")
    image = tmp_path / "evil.webp"
    image.write_bytes(webp_of_one_colour(16383, 10900))
    command = [sys.executable, "-m", "search", "query", str(image), "-s", str(indexed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert "SEARCH_MEMORY='lots' is no amount of memory; write it as 600MB or 2GB, or unset it." in done.stderr
