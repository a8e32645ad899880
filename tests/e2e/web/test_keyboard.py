"""Everything without a mouse."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.fixtures.visits import Visit

FOCUSED = "document.activeElement.dataset.index ?? document.activeElement.id"


def test_a_search_from_the_slash_to_the_zip(visit: Visit) -> None:
    page = visit.open()
    page.keyboard.press("/")
    assert page.evaluate(FOCUSED) == "line"
    page.keyboard.type("a cup of coffee", delay=20)
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=a+cup+of+coffee")
    page.locator("body:not(.waiting)").wait_for()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(FOCUSED) == "0"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(FOCUSED) == "1"
    page.keyboard.press("ArrowDown")
    below = int(page.evaluate(FOCUSED))
    assert below > 1
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    assert page.evaluate(FOCUSED) == "0"
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    title = page.locator("#viewer-title")
    first = title.text_content()
    page.keyboard.press("ArrowRight")
    expect(title).not_to_have_text(first or "")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.evaluate(FOCUSED) == "1", "the focus is where the viewer was"
    page.keyboard.press(" ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ ")
    expect(page.locator("#picked strong")).to_have_text("3 photographs")
    page.keyboard.press("Escape")
    expect(page.locator("#picked")).to_be_hidden()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    assert page.evaluate(FOCUSED) == "line"


def test_what_has_the_focus_is_seen_and_the_end_is_reached(visit: Visit) -> None:
    page = visit.open()
    page.locator('.tile[data-index="0"]').focus()
    page.keyboard.press("Control+End")
    last = page.locator(".tile:focus")
    expect(last).to_be_in_viewport(ratio=0.9)
    page.keyboard.press("Control+Home")
    expect(page.locator(".tile:focus")).to_have_attribute("data-index", "0")
    expect(page.locator(".tile:focus")).to_be_in_viewport(ratio=0.9)
    assert page.locator(".tile:focus").evaluate("one => getComputedStyle(one).outlineStyle") == "solid"


def test_the_tab_key_reaches_every_control(visit: Visit) -> None:
    page = visit.open("?q=camera:canon")
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent")
        )
    wanted = {
        "What to look for",
        "Clear the search",
        "Search with an image",
        "Dates",
        "Collections",
        "Help (?)",
        "From",
    }
    assert wanted <= reached
    assert any(each.startswith("Take away camera") for each in reached)


def test_help_opens_by_its_key_and_closes_by_escape(visit: Visit) -> None:
    page = visit.open()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="How to ask")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
