"""A real Chromium in front of a real `search serve` over real photographs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.paths import ROOT
from tests.fixtures.visits import Serving, Starting, Visit, Visiting, browser, photographs, serve, visit_in


@pytest.fixture(scope="session")
def stored(real_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of photographs, and a store over it that the bundled encoder made. Not to be changed; copy them."""
    place = tmp_path_factory.mktemp("served")
    photographs(place / "photos", real_photos)
    command = [sys.executable, "-m", "search", "index", str(place / "photos"), "--store", str(place / "store")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    return place / "photos", place / "store"


@pytest.fixture(scope="session")
def serving(stored: tuple[Path, Path]) -> Iterator[Serving]:
    """A server that all tests share."""
    server = serve(*stored)
    yield server
    server.end()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium. Where it is not installed these tests are skipped, and on CI they fail. Its driver has an
    event loop of its own, beside which no other may run: it ends with each file."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        opened = browser("--disable-gpu", launcher=running.chromium)
        yield opened
        opened.close()


@pytest.fixture
def serving_too() -> Iterator[Starting]:
    """`serving_too(photos, store)` starts a server that is the test's own. It ends after the windows that show it: a
    browser may ask for its icon late, and complains of a server that is gone."""
    servers: list[Serving] = []

    def start(photos: Path, store: Path) -> Serving:
        servers.append(serve(photos, store))
        return servers[-1]

    yield start
    for each in servers:
        each.end()


@pytest.fixture
def visiting(chromium: Any, serving: Serving, serving_too: Starting) -> Iterator[Visiting]:
    """`visiting(width=..., height=..., **context)` opens a window. Afterwards: no window complained, and none asked
    another host for anything."""
    visits: list[Visit] = []

    def visit(width: int = 1280, height: int = 800, address: str | None = None, **context: Any) -> Visit:
        opened = chromium.new_context(viewport={"width": width, "height": height}, **context)
        visits.append(visit_in(opened, address or serving.address))
        return visits[-1]

    yield visit
    for each in visits:
        each.page.context.close()
        assert each.complaints == []
        assert each.strangers == []


@pytest.fixture
def visit(visiting: Visiting) -> Visit:
    """A window of 1280 by 800 pixels."""
    return visiting()
