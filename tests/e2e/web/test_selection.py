"""Photographs that are picked: their zip, their paths."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from playwright.sync_api import expect

from tests.fixtures.paths import ROOT
from tests.fixtures.visits import Serving, Starting, Visit, Visiting


def test_picked_photographs_come_as_a_zip(visit: Visit, serving: Serving, tmp_path: Path) -> None:
    page = visit.open()
    page.locator('.tile[data-index="0"]').hover()
    page.locator('.tile[data-index="0"] .tick').click()
    page.locator('.tile[data-index="2"]').click(modifiers=["Shift"])
    expect(page.locator("#picked strong")).to_have_text("3 photographs")
    wanted = visit.names(3)
    visit.shot("selection")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as a zip").click()
    download.value.save_as(tmp_path / "photographs.zip")
    with zipfile.ZipFile(tmp_path / "photographs.zip") as packed:
        assert packed.testzip() is None
        found = {Path(name).name: packed.read(name) for name in packed.namelist()}
    assert len(found) == 3
    kept = {path.read_bytes() for path in serving.photos.rglob("*") if path.is_file()}
    assert set(found.values()) <= kept, "the originals, byte by byte"
    assert {name for name in wanted if "<" not in name} <= set(found)


def test_a_selection_lasts_over_searches_and_its_paths_are_copied(visiting: Visiting, serving: Serving) -> None:
    visit = visiting(permissions=["clipboard-read", "clipboard-write"])
    page = visit.open()
    visit.ask("a cat")
    page.locator('.tile[data-index="0"]').click(modifiers=["Control"])
    visit.ask("a rocket")
    page.locator('.tile[data-index="0"]').click(modifiers=["Control"])
    page.get_by_role("button", name="Copy their paths").click()
    expect(page.locator("#toast")).to_have_text("2 paths are copied.")
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert [Path(path).name for path in copied] == ["chelsea.jpg", "rocket.jpg"]
    assert all(Path(path).is_relative_to(serving.photos) for path in copied)
    page.get_by_role("button", name="Select nothing").click()
    expect(page.locator("#picked")).to_be_hidden()


def test_the_viewer_saves_the_original(visit: Visit, serving: Serving) -> None:
    page = visit.open()
    visit.ask("a cat")
    page.locator('.tile[data-index="0"]').click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the original").click()
    assert download.value.suggested_filename == "chelsea.jpg"
    assert download.value.path().read_bytes() == next(serving.photos.rglob("chelsea.jpg")).read_bytes()


def test_while_something_is_selected_a_click_selects(visiting: Visiting) -> None:
    for window in ({}, {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}):
        page = visiting(**window).open()
        counted = page.locator("#picked strong")
        press = "tap" if window else "click"
        page.locator('.tile[data-index="0"]').focus()
        page.keyboard.press(" ")
        getattr(page.locator('.tile[data-index="1"]'), press)(position={"x": 20, "y": 60})
        expect(counted).to_have_text("2 photographs")
        expect(page.get_by_role("dialog")).to_have_count(0)
        getattr(page.locator('.tile[data-index="0"]'), press)(position={"x": 20, "y": 60})
        expect(counted).to_have_text("1 photograph")
        page.keyboard.press("Escape")
        expect(page.locator("#picked")).to_be_hidden()
        getattr(page.locator('.tile[data-index="1"]'), press)(position={"x": 20, "y": 60})
        expect(page.get_by_role("dialog")).to_be_visible()


def test_all_are_selected_by_a_key_and_by_a_button(visit: Visit) -> None:
    page = visit.open()
    every = page.locator("#counted").text_content()
    page.locator('.tile[data-index="0"]').focus()
    page.keyboard.press("Control+a")
    expect(page.locator("#picked strong")).to_have_text((every or "").partition(",")[0])
    assert page.evaluate("getSelection().toString()") == ""
    page.keyboard.press("Escape")
    visit.ask("a cat")
    page.locator('.tile[data-index="0"]').click(modifiers=["Control"])
    page.get_by_role("button", name="Select all").click()
    match = len([each for each in visit.labels(500) if each]) - page.locator(".tile.weak").count()
    expect(page.locator("#picked strong")).to_have_text(f"{match} photograph{'s' * (match != 1)}")
    page.locator("#line").focus()
    page.keyboard.press("Control+a")
    assert page.evaluate("document.querySelector('#line').selectionEnd") == len("a cat"), "in the box it selects text"


def test_what_cannot_be_saved_is_said(
    tmp_path: Path, real_photos: Path, visiting: Visiting, serving_too: Starting
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("chelsea.png", "coffee.png", "rocket.jpg"):
        shutil.copy(real_photos / name, folder)
    command = [sys.executable, "-m", "search", "index", str(folder), "--store", str(tmp_path / "store"), "--thumbnails"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    server = serving_too(folder, tmp_path / "store")
    visit = visiting(address=server.address)
    page = visit.open("?q=sort:name")
    (folder / "chelsea.png").unlink()
    page.locator('.tile[data-index="0"]').click()
    expect(page.locator("#viewer-title")).to_have_text("chelsea.png")
    page.get_by_role("link", name="Download the original").click()
    expect(page.locator("#toast")).to_contain_text("it is not where it was")
    page.keyboard.press("Escape")
    page.locator('.tile[data-index="0"]').focus()
    page.keyboard.press("Control+a")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as a zip").click()
    expect(page.locator("#toast")).to_contain_text("Downloaded without")
    expect(page.locator("#toast")).to_contain_text("a text in the zip names")
    with zipfile.ZipFile(download.value.path()) as packed:
        assert sorted(packed.namelist()) == ["coffee.png", "left out.txt", "rocket.jpg"]
    page.route(
        "**/api/v1/downloads",
        lambda route: route.fulfill(body=b"PK", headers={"Search-Left-Out": "2"}, content_type="application/zip"),
    )
    page.get_by_role("button", name="Download as a zip").click()
    expect(page.locator("#toast")).to_contain_text("Downloaded without 2 photographs")
    visit.complaints.clear()  # the browser notes what is gone
