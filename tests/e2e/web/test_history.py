"""Back and forward, and a page that is loaded anew: the place in the grid and the photograph that was open."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.e2e.web.test_many import photograph, pretend
from tests.fixtures.visits import Visit

#: The photograph that is seen first below the header, and where.
PLACE = """() => {
    const under = document.querySelector("#top").getBoundingClientRect().bottom;
    const tiles = [...document.querySelectorAll(".tile")].sort((a, b) => a.dataset.index - b.dataset.index);
    const first = tiles.find(one => one.getBoundingClientRect().bottom > under + 1);
    return first ? [Number(first.dataset.index), Math.round(first.getBoundingClientRect().top)] : null;
}"""


def is_at(page: Any, place: list[int]) -> None:
    """Waits until it is there, give or take a pixel."""
    there = "now && now[0] === index && Math.abs(now[1] - top) < 3"
    page.wait_for_function(f"([index, top]) => {{ const now = ({PLACE})(); return {there}; }}", arg=place)


def far_down(page: Any) -> list[int]:
    page.wait_for_function("() => document.documentElement.scrollHeight > 12_000")  # how many there are is known
    page.evaluate("scrollTo(0, 9_000)")
    page.wait_for_function(f"() => ({PLACE})()?.[0] > 100")
    page.wait_for_timeout(400)
    found: list[int] = page.evaluate(PLACE)
    return found


def test_back_and_forward_find_the_place_in_the_grid(visit: Visit) -> None:
    pretend(visit)
    page = visit.open()
    place = far_down(page)
    visit.ask("a cat")
    assert page.evaluate("scrollY") == 0, "another answer begins at its beginning"
    page.go_back()
    is_at(page, place)
    page.go_forward()
    expect(page.locator("#line")).to_have_value("a cat")
    page.wait_for_function("() => scrollY === 0")
    page.go_back()
    is_at(page, place)
    page.reload()
    is_at(page, place)


def test_the_viewer_is_open_again_and_closes_where_it_was(visit: Visit) -> None:
    pretend(visit)
    visit.page.route(
        "**/api/v1/items/*/similar?*",
        lambda route: route.fulfill(json={"hits": []}),
    )
    like = {"query": "", "hits": [photograph(number) for number in range(9)], "notes": []}
    visit.page.route("**/api/v1/search?*", lambda route: route.fulfill(json=like))
    page = visit.open()
    place = far_down(page)
    tile = page.locator(f'.tile[data-index="{place[0] + 4}"]')
    number = tile.get_attribute("data-id")
    tile.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("s")  # a search goes on from it
    page.wait_for_url("**like%3A%23*")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".tile")).to_have_count(9)
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert f"photo={number}" in page.url
    is_at(page, place)
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**photo={int(number or 0) + 1}")
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()
    is_at(page, place)
    visit.complaints.clear()  # most of these photographs are pretended


def test_what_is_typed_leaves_the_place_before_as_it_was(visit: Visit) -> None:
    pretend(visit)
    page = visit.open()
    place = far_down(page)
    page.locator("#line").press_sequentially("a rocket", delay=40)
    page.wait_for_url("**/?q=a+rocket")
    page.wait_for_timeout(500)
    page.go_back()
    is_at(page, place)
