"""Phone, dark, and what axe-core finds."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.fixtures.visits import Visit, Visiting

#: Below it nobody hits a button with a thumb (WCAG 2.2, 2.5.8 asks for 24; Apple and Google for 44 and 48).
TOUCH = 44
PHONE: dict[str, Any] = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


def serious(visit: Visit) -> list[str]:
    """What axe finds that keeps somebody out."""
    visit.page.wait_for_timeout(400)  # colours that fade in have no contrast yet
    found = Axe().run(visit.page).response["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}" for each in grave]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visiting: Visiting, scheme: str) -> None:
    visit = visiting(color_scheme=scheme)
    page = visit.open("?q=a+cat+-dog+camera:canon")
    assert serious(visit) == []
    page.locator("#line").fill("a cat cam")
    page.get_by_role("option").first.wait_for()
    assert serious(visit) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="filter", exact=True).click()
    assert serious(visit) == []
    page.keyboard.press("Escape")
    page.locator('.tile[data-index="0"]').click(modifiers=["Control"])
    page.locator('.tile[data-index="1"]').focus()
    page.keyboard.press("e")
    page.locator(".near").first.wait_for()
    assert serious(visit) == []
    page.keyboard.press("Escape")
    for name in ("Collections", "Help (?)"):
        page.get_by_role("button", name=name).click()
        assert serious(visit) == []
        page.keyboard.press("Escape")


def test_a_phone_shows_it_all(visiting: Visiting) -> None:
    visit = visiting(**PHONE)
    page = visit.open()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    small = page.evaluate(
        """least => [...document.querySelectorAll(".tools button, .box button, .chip.add")]
            .filter(one => one.offsetParent)
            .map(one => [one.getAttribute("aria-label") ?? one.textContent, one.getBoundingClientRect(), one])
            .map(([name, box, one]) => [name, box.height, parseFloat(getComputedStyle(one, "::after").height) || 0])
            .filter(([, height, around]) => Math.max(height, around) < least)
            .map(([name]) => name)""",
        TOUCH,
    )
    assert small == []
    tools = page.locator("#tools").bounding_box()
    assert tools is not None
    assert tools["y"] + tools["height"] == pytest.approx(844, abs=1), "the tools are at the thumb"
    visit.shot("phone")
    visit.ask("a cat")
    page.locator('.tile[data-index="0"]').tap()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("button", name="Why it was found (e)").tap()
    page.locator(".word:not(.absent)").first.tap()
    expect(page.locator(".outline")).to_be_visible()
    assert page.evaluate("document.querySelector('.viewer').scrollWidth") <= 390
    visit.shot("phone-viewer")
    page.get_by_role("button", name="Close (Esc)").tap()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert serious(visit) == []


def test_a_long_press_selects(visiting: Visiting) -> None:
    visit = visiting(**PHONE)
    page = visit.open()
    box = page.locator('.tile[data-index="1"]').bounding_box()
    assert box is not None
    touch = page.context.new_cdp_session(page)
    point = [{"x": box["x"] + 40, "y": box["y"] + 40}]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": point})
    expect(page.locator("#picked strong")).to_have_text("1 photograph")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_theme_follows_the_system_and_a_choice_is_kept(visiting: Visiting) -> None:
    visit = visiting(color_scheme="dark")
    page = visit.open()
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    visit.shot("dark")
    page.get_by_role("button", name="Colours").click()
    light = page.evaluate(paper)
    assert light != dark
    visit.open("?q=a+rocket")
    assert page.evaluate(paper) == light
    page.get_by_role("button", name="Colours").click()
    assert page.evaluate(paper) == dark


def test_who_wants_no_motion_gets_none(visiting: Visiting) -> None:
    page = visiting(reduced_motion="reduce").open()
    duration = page.locator(".tile img").first.evaluate("one => getComputedStyle(one).transitionDuration")
    assert all(float(each.removesuffix("s")) < 0.001 for each in duration.split(", "))


@pytest.mark.parametrize(("width", "height"), [(844, 390), (320, 568), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_windows_cut_nothing_off(visiting: Visiting, width: int, height: int, scheme: str) -> None:
    visit = visiting(width=width, height=height, has_touch=True, is_mobile=True, color_scheme=scheme)
    page = visit.open("?q=a+cat+-people+camera:canon")

    def inside(selector: str) -> list[str]:
        """Those of these controls of which a part cannot be seen, or that something else covers."""
        outside: list[str] = page.locator(selector).evaluate_all(
            """(all, [width, height]) => all.filter(one => one.checkVisibility()).filter(one => {
                const { left, top, right, bottom } = one.getBoundingClientRect();
                const at = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
                const cut = left < -1 || top < -1 || right > width + 1 || bottom > height + 1;
                return cut || !(one === at || one.contains(at));
            }).map(one => one.getAttribute("aria-label") ?? one.textContent)""",
            [width, height],
        )
        return outside

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert inside("#tools button, #box button, #line") == []
    head = page.locator("#top").bounding_box()
    assert head is not None
    assert head["height"] < 0.25 * height
    visit.shot(f"small-{width}-{scheme}")
    page.locator('.tile[data-index="0"]').focus()
    page.keyboard.press(" ")
    assert inside("#picked button") == []
    page.keyboard.press("Escape")
    page.locator('.tile[data-index="0"]').tap()
    page.locator(".near").first.wait_for()
    assert page.evaluate("document.querySelector('.viewer').scrollWidth") <= width
    assert inside(".actions > *, .shut, .turn, #viewer-title") == []
    stage, panel = (page.locator(name).bounding_box() for name in (".stage", ".panel"))
    assert stage is not None
    assert panel is not None
    assert stage["height"] >= 0.5 * height
    assert panel["height"] >= 150
    visit.shot(f"small-viewer-{width}-{scheme}")
    page.get_by_role("button", name="Close (Esc)").tap()
    page.get_by_role("button", name="Map of the collection").tap()
    card = page.locator(".map-card")
    expect(card).to_be_visible()
    bar, said = page.locator(".map-tools-bar").bounding_box(), card.bounding_box()
    assert bar is not None
    assert said is not None
    apart = bar["x"] >= said["x"] + said["width"] or said["y"] >= bar["y"] + bar["height"]
    assert apart, "the tools lie over what is said"
    assert inside(".map-card button, .map-tools-bar button") == []


#: How much of each element of a list can be seen within it and the window, as shares.
SEEN = """all => all.map(one => {
    const list = one.closest(".menu, #chips").getBoundingClientRect();
    const { left, top, right, bottom, width, height } = one.getBoundingClientRect();
    const wide = Math.min(right, list.right, innerWidth) - Math.max(left, list.left, 0);
    const high = Math.min(bottom, list.bottom, innerHeight) - Math.max(top, list.top, 0);
    return Math.max(0, wide) * Math.max(0, high) / (width * height);
})"""


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 600), (390, 844), (844, 390)])
def test_the_menu_of_filters_is_seen_whole(visiting: Visiting, width: int, height: int) -> None:
    visit = visiting(width=width, height=height)
    page = visit.open()
    page.get_by_role("button", name="filter", exact=True).click()
    items = page.get_by_role("menuitem")
    assert items.count() == 16
    assert min(items.evaluate_all(SEEN)) > 0.99
    visit.shot(f"menu-{width}")
    page.keyboard.press("ArrowDown")
    focused = page.evaluate("document.activeElement.textContent")
    assert focused.startswith("Place")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (320, 568), (844, 390)])
def test_chips_leave_the_filter_button_in_sight(visiting: Visiting, width: int, height: int) -> None:
    visit = visiting(width=width, height=height, has_touch=True, is_mobile=True)
    page = visit.open("?q=a+cat+-people+camera:canon+in:2018..2022")
    expect(page.locator(".chip-list .chip")).to_have_count(3)
    box = page.get_by_role("button", name="filter", exact=True).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    visit.shot(f"chips-{width}")
    if height > 700:
        assert min(page.locator(".chip-list .chip").evaluate_all(SEEN)) > 0.99, "a phone that is held upright"
    head = page.locator("#top").bounding_box()
    assert head is not None
    assert head["height"] < 0.27 * height
