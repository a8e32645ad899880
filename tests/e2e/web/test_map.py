"""The map in a real browser; its points are drawn by SwiftShader, in software."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.fixtures.visits import Serving, Visit, browser, serve, visit_in

pytest.importorskip("openTSNE")

#: Whether anything was drawn; looked at in the very frame, before the browser takes it away.
DRAWN = """async () => {
    document.querySelector(".map-surface").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
    await new Promise((done) => requestAnimationFrame(done));
    const points = document.querySelector(".map-points");
    const context = new OffscreenCanvas(points.width, points.height).getContext("2d");
    context.drawImage(points, 0, 0);
    const { data } = context.getImageData(0, 0, points.width, points.height);
    return data.some((value, at) => at % 4 === 3 && value > 128);
}"""
#: Points of which a plain grid of the given number is drawn and moved, as the map does it; frames a second.
FRAMES = """async (count) => {
    const { createPoints } = await import("/page/map_points.js");
    const { MapView } = await import("/page/map_view.js");
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [1280, 688];
    document.body.append(canvas);
    const points = createPoints(canvas);
    const positions = Float32Array.from({ length: 2 * count }, () => Math.random() * 2 - 1);
    points.fill(positions, new Uint8Array(count), () => 0);
    const view = new MapView();
    view.resize(1280, 688);
    const began = performance.now();
    let frames = 0;
    while (performance.now() - began < 3000) {
        view.pan(1, 0);
        points.draw({ ...view.clip, size: 2.6 });
        points.finish();
        frames += 1;
    }
    canvas.remove();
    return frames / ((performance.now() - began) / 1000);
}"""


@pytest.fixture(scope="module")
def own_serving(stored: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server over a copy of the store."""
    store = tmp_path_factory.mktemp("mapped") / "store"
    shutil.copytree(stored[1], store)
    server = serve(stored[0], store)
    yield server
    server.end()


@pytest.fixture(scope="module")
def drawing() -> Iterator[Any]:
    """A Chromium that draws WebGL without a graphics card."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        software = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
        opened = browser(*software, launcher=running.chromium)
        yield opened
        opened.close()


@pytest.fixture
def visit(drawing: Any, own_serving: Serving) -> Iterator[Visit]:
    context = drawing.new_context(viewport={"width": 1280, "height": 800})
    found = visit_in(context, own_serving.address)
    yield found
    context.close()
    assert [each for each in found.complaints if "GPU stall" not in each] == []
    assert found.strangers == []


def mapped(visit: Visit) -> Any:
    """Open the map, and make it where there is none."""
    page = visit.open()
    page.get_by_role("button", name="Map of the collection (m)").click()
    make = page.get_by_role("button", name="Make the map")
    ready = page.get_by_role("application", name="photographs")
    expect(make.or_(ready).first).to_be_visible()
    if make.is_visible():
        make.click()
    expect(ready).to_be_visible(timeout=90_000)
    page.locator(".map-card").wait_for(state="hidden")
    return page


def test_the_map_appears_and_shows_thumbnails(visit: Visit) -> None:
    page = mapped(visit)
    assert page.evaluate(DRAWN)
    page.locator(".map-thumbnail.there").first.wait_for()
    expect(page.locator(".map-name").first).to_be_visible()
    boxes = [each.bounding_box() for each in page.locator(".map-name").all()]
    for at, one in enumerate(boxes):
        for other in boxes[:at]:
            beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            assert beside or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
    visit.shot("map")
    before = page.locator(".map-thumbnail").count()
    page.mouse.move(640, 450)
    for _ in range(8):
        page.mouse.wheel(0, -240)
    page.wait_for_function("before => document.querySelectorAll('.map-thumbnail').length < before", arg=before)


def test_photographs_are_selected_and_searched_within(visit: Visit) -> None:
    page = mapped(visit)
    page.get_by_role("button", name="Draw around photographs").click()
    page.mouse.move(300, 130)
    page.mouse.down()
    for place in ((1180, 130), (1180, 780), (300, 780)):
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    picked = page.locator("#picked strong")
    expect(picked).to_be_visible()
    chosen = int(picked.inner_text().split()[0])
    assert chosen > 3
    page.get_by_role("button", name="Search within these").click()
    expect(page.locator("#map")).to_be_hidden()
    expect(page.locator(".chip-text")).to_have_text(f"among {chosen} photographs")
    page.locator("#line").fill("a cat")
    page.locator("body:not(.waiting)").wait_for()
    page.wait_for_function("() => new URLSearchParams(location.search).get('q').startsWith('a cat id:')")
    page.locator("body:not(.waiting)").wait_for()
    assert 0 < page.locator(".tile").count() <= chosen
    page.get_by_role("button", name="Take away among").click()
    page.wait_for_function("() => new URLSearchParams(location.search).get('q') === 'a cat'")


def test_hits_are_marked_and_a_photograph_opens(visit: Visit) -> None:
    page = mapped(visit)
    visit.ask("a cat")
    page.locator(".map-thumbnail.marked").first.wait_for()
    page.get_by_role("application").focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.locator("dialog.viewer[open]").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog.viewer").wait_for(state="hidden")
    expect(page.locator("#map")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#map")).to_be_hidden()


def test_its_groups_are_a_list_of_links(visit: Visit) -> None:
    page = mapped(visit)
    page.get_by_role("button", name="What is on the map, as a list").click()
    found = Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    link = page.locator("#map-groups a").first
    name = link.text_content()
    link.click()
    page.wait_for_function("name => new URLSearchParams(location.search).get('q') === name", arg=name)
    expect(page.locator("#map")).to_be_hidden()
    page.locator(".tile img.there").first.wait_for()


def test_without_webgl_it_is_said(drawing: Any, own_serving: Serving) -> None:
    without = browser("--disable-3d-apis", launcher=drawing.browser_type)
    page = without.new_page()
    page.goto(own_serving.address)
    page.get_by_role("button", name="Map of the collection (m)").click()
    expect(page.locator(".map-card")).to_contain_text("WebGL 2", timeout=20_000)
    without.close()


def test_many_points_are_drawn_often(visit: Visit, capsys: pytest.CaptureFixture[str]) -> None:
    page = visit.open()
    frames = page.evaluate(FRAMES, 100_000)
    with capsys.disabled():
        print(f"\n100,000 points, in software on {os.cpu_count()} cores: {frames:.1f} frames a second")
    assert frames > 2  # a graphics card has some hundred times the speed
