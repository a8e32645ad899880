"""The panel of dates: what it says where there is nothing to choose from, and its hint."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.fixtures.visits import Visit, Visiting


def dated(visit: Visit, *bars: tuple[str, int]) -> None:
    """The photographs are of these months."""
    told = [{"start": start, "count": count} for start, count in bars]
    visit.page.route(
        "**/api/v1/histogram?*", lambda route: route.fulfill(body=json.dumps(told), content_type="application/json")
    )


@pytest.mark.parametrize(
    ("bars", "says"),
    [([("2026-05-01", 31)], "All of these are of May 2026."), ([], "Nothing here has a date.")],
)
def test_where_there_is_nothing_to_choose_from_the_panel_says_so(
    visiting: Visiting, bars: list[tuple[str, int]], says: str
) -> None:
    visit = visiting(width=390, height=844)
    dated(visit, *bars)
    page = visit.open()
    page.get_by_role("button", name="Dates").click()
    expect(page.locator("#dates .few")).to_have_text(says)
    expect(page.locator("#dates .few")).to_be_visible()
    expect(page.locator(".plot")).to_be_hidden()
    visit.shot("one-month")
    page.unroute("**/api/v1/histogram?*")
    page.locator("#line").fill("a cat camera:canon")
    expect(page.locator(".plot")).to_be_visible()
    expect(page.locator("#dates .few")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("share", [0.005, 0.5, 0.995])
def test_the_hint_of_a_bar_is_seen_whole(visiting: Visiting, width: int, share: float) -> None:
    visit = visiting(width=width, height=844)
    dated(visit, *((f"20{year:02}-09-01", 12_345) for year in range(20)))
    page = visit.open()
    if width < 700:
        page.get_by_role("button", name="Dates").click()
    page.locator(".bar").first.wait_for(state="attached")
    box = page.locator(".plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * share, box["y"] + 20)
    hint = page.locator(".hint")
    expect(hint).to_contain_text(":")
    expect(hint).to_have_css("opacity", "1")
    cut: Any = hint.evaluate(
        """(one, width) => {
            const { left, top, right, bottom } = one.getBoundingClientRect();
            one.style.pointerEvents = "auto";
            const [rows, columns] = [[top + 4, bottom - 4], [left + 4, right - 4]];
            const corners = columns.flatMap(x => rows.map(y => [x, y]));
            return left < 0 || right > width || corners.some(([x, y]) => document.elementFromPoint(x, y) !== one);
        }""",
        width,
    )
    assert cut is False
    visit.shot(f"hint-{width}-{share}")
