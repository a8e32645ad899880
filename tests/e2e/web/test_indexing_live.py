"""A run that is begun on the page fills its grid while somebody looks."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.fixtures.paths import ROOT
from tests.fixtures.visits import Serving, Starting, Visiting, serve

pytestmark = pytest.mark.slow


@pytest.fixture
def own(real_photos: Path, tmp_path: Path) -> Iterator[Serving]:
    """A server over a store with one photograph, whose folder has more."""
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(real_photos / "chelsea.png", photos)
    command = [sys.executable, "-m", "search", "index", str(photos), "--store", str(tmp_path / "store")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    rng = np.random.default_rng(3)
    with Image.open(real_photos / "coffee.png") as coffee:
        for number in range(40):
            left, upper = rng.integers(0, 200, 2).tolist()
            coffee.crop((left, upper, left + 320, upper + 180)).convert("RGB").save(photos / f"coffee_{number:02}.jpg")
    server = serve(photos, tmp_path / "store")
    yield server
    server.end()


def test_a_run_fills_the_grid(own: Serving, visiting: Visiting) -> None:
    visit = visiting(address=own.address)
    page = visit.open()
    expect(page.locator("#counted")).to_have_text("1 photograph, the newest first")
    page.get_by_role("button", name="Collections").click()
    sheet = page.get_by_role("dialog", name="Collections")
    expect(sheet).to_contain_text("1 photograph")
    sheet.get_by_role("button", name="Look for changes in photos").click()
    expect(sheet.locator("progress")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#counted")).to_have_text("41 photographs, the newest first", timeout=120_000)
    page.get_by_role("button", name="Collections").click()
    expect(sheet).to_contain_text("41 photographs")
    visit.shot("collections")


def test_who_looks_at_something_else_is_asked_first(own: Serving, visiting: Visiting) -> None:
    visit = visiting(address=own.address)
    page = visit.open()
    visit.ask("a cup of coffee")
    expect(page.locator(".tile")).to_have_count(1)
    page.get_by_role("button", name="Collections").click()
    page.get_by_role("button", name="Look for changes in photos").click()
    page.keyboard.press("Escape")
    renew = page.get_by_role("button", name=re.compile("^New photographs"))
    renew.wait_for(timeout=120_000)
    expect(page.locator(".tile")).to_have_count(1)
    renew.click()
    expect(page.locator('.tile[data-index="0"]')).to_have_attribute("aria-label", re.compile("^coffee"))


def test_what_could_not_be_read_and_copies_are_named(
    tmp_path: Path, real_photos: Path, visiting: Visiting, serving_too: Starting
) -> None:
    folder = tmp_path / "photos"
    (folder / "inner").mkdir(parents=True)
    for name in ("chelsea.png", "inner/again.png"):
        shutil.copy(real_photos / "chelsea.png", folder / name)
    shutil.copy(real_photos / "coffee.png", folder)
    (folder / "inner" / "broken.jpg").write_text("no image")
    command = [sys.executable, "-m", "search", "index", str(folder), "--store", str(tmp_path / "store")]
    subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=300)
    server = serving_too(folder, tmp_path / "store")
    page = visiting(address=server.address).open()
    page.get_by_role("button", name="Collections").click()
    sheet = page.get_by_role("dialog", name="Collections")
    expect(sheet.locator(".collections li")).to_contain_text("3 files, 2 photographs")
    page.get_by_text("1 file could not be read").click()
    expect(sheet.locator(".failures li")).to_contain_text("photos/inner/broken.jpg")
    expect(sheet.locator(".failures li")).to_contain_text("its content is no image format that can be read")
