"""One photograph, large: what is known of it, why it was found, what is like it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import expect

from tests.fixtures.paths import ROOT
from tests.fixtures.visits import Starting, Visit, Visiting


def test_the_viewer_shows_what_is_known(visit: Visit) -> None:
    page = visit.open()
    visit.ask("a cat")
    page.locator('.tile[data-index="0"]').click()
    viewer = page.get_by_role("dialog")
    expect(viewer.get_by_role("heading", name="chelsea.jpg")).to_be_visible()
    expect(viewer.locator(".facts")).to_contain_text(re.compile(r"Camera(Canon EOS 5D|Google Pixel 6)"))
    page.wait_for_function("() => document.querySelector('.picture').naturalWidth >= 400")
    expect(viewer.locator(".near").first).to_be_visible()
    assert "photo=" in page.url
    visit.shot("viewer")
    page.go_back()
    expect(viewer).to_be_hidden()


def test_the_place_is_drawn_from_our_own_table(visit: Visit) -> None:
    page = visit.open("?q=has:gps")
    page.locator('.tile[data-index="0"]').click()
    canvas = page.locator(".map canvas")
    expect(canvas).to_be_visible()
    page.wait_for_function("() => document.querySelector('.map canvas').toDataURL().length > 5_000")  # no empty map
    expect(page.locator(".where .fact")).to_contain_text(re.compile("France|Portugal|Japan"))


def test_words_show_where_they_were_found_by_pointer_tap_and_keys(visit: Visit) -> None:
    page = visit.open()
    visit.ask("a cup of coffee on a table")  # several are found: what all of them show is what none shows alone
    page.locator('.tile[data-index="0"]').focus()
    page.keyboard.press("e")
    words = page.locator(".word")
    expect(words.first).to_be_visible()
    assert words.evaluate_all("all => all.map(one => one.firstChild.textContent)") == ["cup", "coffee", "table"]
    heat = "document.querySelector('.heat').toDataURL()"
    whole = page.evaluate(heat)
    found = page.locator(".word:not(.absent)").first
    found.hover()
    expect(page.locator(".outline")).to_be_visible()
    assert page.evaluate(heat) != whole
    page.mouse.move(5, 300)
    page.wait_for_function(f"whole => {heat} === whole", arg=whole)
    found.click()
    expect(found).to_have_attribute("aria-pressed", "true")
    page.mouse.move(5, 300)
    assert page.evaluate(heat) != whole, "a tap pins the word"
    visit.shot("explained")


def test_an_explanation_without_words_says_what_to_do(visit: Visit) -> None:
    page = visit.open()
    page.locator('.tile[data-index="0"]').focus()
    page.keyboard.press("e")
    expect(page.locator(".why")).to_contain_text("Search with words first")


def test_the_wheel_and_a_double_click_enlarge(visit: Visit) -> None:
    page = visit.open()
    page.locator('.tile[data-index="0"]').click()
    scale = "new DOMMatrix(getComputedStyle(document.querySelector('.frame')).transform).a"
    page.mouse.move(450, 400)
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"() => {scale} > 1.5")
    page.mouse.dblclick(450, 400)
    page.wait_for_function(f"() => {scale} === 1")
    page.keyboard.press("+")
    page.wait_for_function(f"() => {scale} === 1.5")
    page.keyboard.press("0")
    page.wait_for_function(f"() => {scale} === 1")


def test_similar_photographs_are_a_search_and_a_strip(visit: Visit) -> None:
    page = visit.open()
    visit.ask("a motorcycle in a garage")
    first = visit.names(1)[0]
    assert first.startswith("motorcycle")
    page.locator('.tile[data-index="0"]').click()
    expect(page.locator(".near").first).to_have_attribute("aria-label", re.compile("^motorcycle"))
    page.locator(".near").first.click()
    expect(page.locator("#viewer-title")).to_have_text(re.compile("^motorcycle"))
    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.wait_for_url("**like%3A%23*")
    expect(page.locator(".chip.image img")).to_be_visible()
    page.locator("body:not(.waiting)").wait_for()
    assert all(name.startswith("motorcycle") for name in visit.names(2))


def test_who_is_faster_than_the_viewer_sees_it_when_it_comes(visit: Visit) -> None:
    page = visit.page
    late: list[Any] = []
    page.route("**/page/viewer.js", lambda route: late.append(route))
    page.goto(visit.address)
    first = page.locator('.tile[data-index="0"]')
    first.click()
    page.wait_for_url("**photo=*")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("How to ask")
    page.keyboard.press("Escape")
    late[0].continue_()
    expect(page.locator("#viewer-title")).to_have_text((first.get_attribute("aria-label") or "").partition(",")[0])


def test_a_part_that_cannot_be_fetched_is_said_and_fetched_again(visit: Visit) -> None:
    page = visit.page
    page.route("**/page/map.js", lambda route: route.abort())
    visit.open()
    page.keyboard.press("m")
    expect(page.locator("#toast")).to_contain_text("The map could not be fetched from the server")
    page.unroute("**/page/map.js")
    page.keyboard.press("m")
    expect(page.locator("#map")).to_be_visible()
    visit.complaints.clear()  # the browser notes what was not to be had


def test_a_similar_photograph_that_cannot_be_shown_is_no_broken_picture(visit: Visit) -> None:
    page = visit.open()
    page.route("**/thumbnail?size=256", lambda route: route.fulfill(status=410, json={"detail": "gone"}))
    page.locator('.tile[data-index="0"]').click()
    expect(page.locator(".near.unseen img").first).to_be_hidden()
    visit.complaints.clear()  # the browser notes each refusal


def test_a_kept_address_opens_its_photograph(visit: Visit) -> None:
    page = visit.open()
    number = page.locator('.tile[data-index="2"]').get_attribute("data-id")
    visit.open(f"?photo={number}")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert "photo" not in page.url


def test_who_zooms_beyond_the_preview_sees_the_original(
    visiting: Visiting, tmp_path: Path, real_photos: Path, serving_too: Starting
) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    with Image.open(real_photos / "coffee.png") as image:
        large = image.convert("RGB").resize((4800, 3200))
    turned = Image.Exif()
    turned[274] = 6
    large.save(folder / "a large one.jpg", quality=90)
    large.rotate(90, expand=True).save(folder / "b turned.jpg", exif=turned, quality=90)
    large.save(folder / "c no browser shows.tiff")
    command = [sys.executable, "-m", "search", "index", str(folder), "--store", str(tmp_path / "store")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    server = serving_too(folder, tmp_path / "store")
    visit = visiting(address=server.address)
    page = visit.open("?q=sort:name")
    for number, width in enumerate((4800, 4800, 2048)):
        originals: list[str] = []
        page.on("request", lambda request, seen=originals: "/original" in request.url and seen.append(request.url))
        page.locator(f'.tile[data-index="{number}"]').click()
        page.wait_for_function("() => document.querySelector('.picture').naturalWidth === 2048")
        page.keyboard.press("+")
        page.wait_for_timeout(300)
        assert originals == [], "the preview has enough pixels for that"
        for _ in range(4):
            page.keyboard.press("+")
        page.wait_for_function(f"() => document.querySelector('.picture').naturalWidth === {width}")
        page.wait_for_timeout(200)
        assert len(set(originals)) == (width > 2048)
        frame, picture = (page.locator(name).bounding_box() for name in (".frame", ".picture"))
        assert frame == picture
        page.keyboard.press("Escape")
