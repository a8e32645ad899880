"""A real Chromium in front of a real `search serve` over real photographs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.fixtures.paths import ROOT

playwright = pytest.importorskip("playwright.sync_api")

#: Where the screenshots of a run lie, when somebody wants them.
SHOTS = os.environ.get("SEARCH_SCREENSHOTS")
#: What is no photograph among those that packages ship.
DRAWINGS = {"Minduka_Present_Blue_Pack", "chessboard_GRAY", "chessboard_RGB", "color", "horse", "logo", "logo2"}
#: How a script could be smuggled in: in the name of a file, and in a caption.
SCRIPT_NAME = "<img src=x onerror=window.hacked=1>.png"
SCRIPT_CAPTION = "</script><script>window.hacked=2</script><b onclick=window.hacked=3>a red apple</b>"


def photographs(folder: Path, packed: Path) -> None:
    """About thirty real photographs in two folders, with dates of some years, cameras, places and captions."""
    cities = ((48.8566, 2.3522), (38.7223, -9.1393), (35.6762, 139.6503))
    for number, picture in enumerate(sorted(packed.iterdir())):
        if picture.suffix not in {".png", ".jpg"} or picture.stem in DRAWINGS:
            continue
        about = Image.Exif()
        about[271], about[272] = ("Canon", "Canon EOS 5D") if number % 2 else ("Google", "Pixel 6")
        about.get_ifd(0x8769)[36867] = f"{2018 + number % 5}:{1 + number % 12:02}:14 1{number % 10}:20:00"
        latitude, longitude = cities[number % 3]
        if number % 4:
            about.get_ifd(0x8825).update(_position(latitude, longitude))
        inner = folder / ("trips" if number % 3 else "home")
        inner.mkdir(parents=True, exist_ok=True)
        with Image.open(picture) as image:
            shown = image.convert("RGB")
            shown.thumbnail((1200, 1200))
            shown.save(inner / f"{picture.stem}.jpg", exif=about, quality=88)
    shutil.copy(packed / "coffee.png", folder / SCRIPT_NAME)
    said = [{"image": SCRIPT_NAME, "caption": SCRIPT_CAPTION}]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, said)) + "\n", encoding="utf-8")


def _position(latitude: float, longitude: float) -> dict[int, Any]:
    def parts(degrees: float) -> tuple[float, float, float]:
        whole = int(abs(degrees))
        minutes = (abs(degrees) - whole) * 60
        return (whole, int(minutes), round((minutes - int(minutes)) * 60, 3))

    return {
        1: "N" if latitude >= 0 else "S",
        2: parts(latitude),
        3: "E" if longitude >= 0 else "W",
        4: parts(longitude),
    }


@dataclass
class Serving:
    """A server. `photos`: the folder that it has indexed."""

    address: str
    photos: Path
    store: Path
    process: subprocess.Popen[str]

    def end(self) -> None:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()


def serve(photos: Path, store: Path, port: int = 0) -> Serving:
    """Start `search serve` over a store."""
    command = [sys.executable, "-m", "search", "serve", "--port", str(port), "--store", str(store)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return Serving(found[0], photos, store, process)
    raise AssertionError(f"search serve ended with {process.wait()}: {said}")


@pytest.fixture(scope="session")
def stored(real_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of photographs, and a store over it that the bundled encoder made. Not to be changed; copy them."""
    place = tmp_path_factory.mktemp("served")
    photographs(place / "photos", real_photos)
    command = [sys.executable, "-m", "search", "index", str(place / "photos"), "--store", str(place / "store")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)  # noqa: S603
    return place / "photos", place / "store"


@pytest.fixture(scope="session")
def serving(stored: tuple[Path, Path]) -> Iterator[Serving]:
    """A server that all tests share."""
    server = serve(*stored)
    yield server
    server.end()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium. Where it is not installed these tests are skipped, and on CI they fail."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        reason = "there is no chromium here: apt install chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=[*root, "--disable-gpu"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """The page of a server in a window of its own. What it complains of and what it asks other hosts for is kept."""

    page: Any
    address: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def open(self, query: str = "") -> Any:
        """Visit it, and wait for photographs."""
        self.page.goto(f"{self.address}/{query}")
        self.page.locator(".tile img.there").first.wait_for(timeout=60_000)
        return self.page

    def ask(self, line: str) -> None:
        """Type a line into the box, and wait for its answer."""
        self.page.locator("#line").fill(line)
        self.page.locator("body:not(.waiting)").wait_for()
        self.page.wait_for_function("line => new URLSearchParams(location.search).get('q') === line", arg=line.strip())
        self.page.locator("body:not(.waiting)").wait_for()

    def names(self, most: int = 5) -> list[str]:
        """The names of the first photographs."""
        return [label.partition(",")[0] for label in self.labels(most)]

    def labels(self, most: int = 5) -> list[str]:
        """What is said of the first photographs."""
        found: list[str] = self.page.locator(".tile").evaluate_all(
            "all => all.sort((a, b) => a.dataset.index - b.dataset.index).map(one => one.getAttribute('aria-label'))"
        )
        return found[:most]

    def shot(self, name: str) -> None:
        """Keep a screenshot where somebody asked for them (`SEARCH_SCREENSHOTS`)."""
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.wait_for_timeout(600)
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png")


Visiting = Callable[..., Visit]


@pytest.fixture
def visiting(chromium: Any, serving: Serving) -> Iterator[Visiting]:
    """`visiting(width=..., height=..., **context)` opens a window. Afterwards: no window complained, and none asked
    another host for anything."""
    visits: list[Visit] = []

    def visit(width: int = 1280, height: int = 800, address: str | None = None, **context: Any) -> Visit:
        opened = chromium.new_context(viewport={"width": width, "height": height}, **context)
        opened.set_default_timeout(20_000)
        found = Visit(opened.new_page(), address or serving.address)
        visits.append(found)
        found.page.on("console", lambda message: _complains(found, message))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.on("request", lambda request: _strange(found, request.url))
        return found

    yield visit
    for each in visits:
        each.page.context.close()
        assert each.complaints == []
        assert each.strangers == []


@pytest.fixture
def visit(visiting: Visiting) -> Visit:
    """A window of 1280 by 800 pixels."""
    return visiting()


def _complains(visit: Visit, message: Any) -> None:
    if message.type in ("error", "warning"):
        visit.complaints.append(f"{message.text} {message.location}")


def _strange(visit: Visit, url: str) -> None:
    if not url.startswith((visit.address + "/", "blob:", "data:")):
        visit.strangers.append(url)
