"""A collection of 200,000 photographs scrolls: the document holds what is near the window, and nothing else."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tests.fixtures.visits import Visit

ALL = 200_000
#: A WebP of one pixel.
PIXEL = base64.b64decode("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
#: More tiles than this are too many for a window of 1280 by 800 and what lies a window above and below it.
MOST_TILES = 120


def photograph(number: int) -> dict[str, Any]:
    """One of them, of one of five shapes."""
    wide, high = ((3, 2), (4, 3), (2, 3), (1, 1), (16, 9))[number % 5]
    return {
        "id": number,
        "kind": "image",
        "name": f"{number}.jpg",
        "folder": "all",
        "width": 100 * wide,
        "height": 100 * high,
    }


def pretend(visit: Visit) -> None:
    """The server has 200,000 photographs."""

    def items(route: Any) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        start, most = int(asked.get("cursor", ["0"])[0]), int(asked["limit"][0])
        end = min(ALL, start + most)
        told: dict[str, Any] = {"items": [photograph(number) for number in range(start, end)]}
        if end < ALL:
            told["cursor"] = str(end)
        route.fulfill(body=json.dumps(told), content_type="application/json")

    visit.page.route("**/api/v1/items?*", items)
    visit.page.route(
        "**/api/v1/status",
        lambda route: route.fulfill(body=json.dumps({"images": ALL}), content_type="application/json"),
    )
    for shown in ("**/thumbnail?*", "**/api/v1/items/*/preview"):
        visit.page.route(shown, lambda route: route.fulfill(body=PIXEL, content_type="image/webp"))
    visit.page.route(
        re.compile(r"/api/v1/items/\d+$"),
        lambda route: route.fulfill(
            body=json.dumps(photograph(int(route.request.url.rpartition("/")[2]))), content_type="application/json"
        ),
    )


def test_two_hundred_thousand_photographs_scroll(visit: Visit) -> None:
    pretend(visit)
    page = visit.open()
    expect(page.locator("#counted")).to_have_text("200,000 photographs, the newest first")
    height = page.locator("#grid").evaluate("one => one.offsetHeight")
    assert height > 5_000_000, "the scrollbar tells how many there are"
    page.evaluate("scrollTo(0, 60_000)")
    page.wait_for_function(
        """() => [...document.querySelectorAll(".tile")].some(one => {
            const { top, bottom } = one.getBoundingClientRect();
            return top < innerHeight && bottom > 0;
        })"""
    )
    assert page.locator(".tile").count() < MOST_TILES
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_function(
        "() => !!document.querySelector('.tile[data-index=\"199999\"]')", timeout=120_000, polling=250
    )
    assert page.locator(".tile").count() < MOST_TILES
    frames = page.evaluate(
        """async () => {
            const took = [];
            let before = performance.now();
            for (let step = 0; step < 60; step += 1) {
                scrollBy(0, -300);
                await new Promise(requestAnimationFrame);
                took.push(performance.now() - before);
                before = performance.now();
            }
            return took.sort((a, b) => a - b)[30];
        }"""
    )
    assert frames < 100, "a frame takes a tenth of a second at most, on a machine that is busy"
    print(f"median frame of scrolling at the end of 200,000: {frames:.1f} ms")
    assert len(page.evaluate("[...document.querySelectorAll('.row')].map(one => one.style.top)")) < 40


def test_the_head_tells_files_and_photographs_where_some_are_copies(visit: Visit) -> None:
    pretend(visit)
    body = json.dumps({"images": ALL, "photographs": ALL - 1})
    visit.page.route("**/api/v1/status", lambda route: route.fulfill(body=body, content_type="application/json"))
    page = visit.open()
    expect(page.locator("#counted")).to_have_text("200,000 files, 199,999 photographs, the newest first")


def test_what_is_said_of_an_endless_answer_stays_true(visit: Visit) -> None:
    page = visit.open()
    visit.ask("a cat")
    expect(page.locator("#live")).to_have_text(f"{page.locator('#counted').text_content()}.")
