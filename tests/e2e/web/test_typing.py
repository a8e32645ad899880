"""While somebody types: what is asked when, and that neither pictures nor the address hold an answer up."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.fixtures.visits import Visit


class Held:
    """Requests that the page has made and that wait until they are let go, those that come after it at once."""

    def __init__(self, page: Any, pattern: str) -> None:
        self.routes: list[Any] = []
        self.shut = True
        page.route(pattern, self.take)

    def take(self, route: Any) -> None:
        if self.shut:
            self.routes.append(route)
        else:
            route.continue_()

    def let_go(self) -> None:
        self.shut = False
        while self.routes:
            self.routes.pop().continue_()


def test_a_line_is_asked_at_once_unless_an_answer_is_on_its_way(visit: Visit) -> None:
    told = visit.open().evaluate(
        """async () => {
            const { createPace } = await import("/page/pace.js");
            const told = [];
            const began = performance.now();
            const wait = ms => new Promise(done => setTimeout(done, ms));
            let busy = false;
            const pace = createPace({ ask: () => told.push(["ask", performance.now() - began]), busy: () => busy });
            const step = name => told.push([name, performance.now() - began]);
            pace.typed(2);
            step("a beginning waits");
            await wait(200);
            pace.typed(3);
            step("and three letters do not");
            busy = true;
            pace.typed(4);
            pace.typed(5);
            step("an answer is on its way");
            busy = false;
            pace.free();
            step("and has come: the newest is asked");
            pace.free();
            step("once");
            busy = true;
            pace.typed(6);
            await wait(250);
            step("an answer that takes too long is not waited for");
            return told;
        }"""
    )
    assert [name for name, _ in told] == [
        "a beginning waits",
        "ask",
        "ask",
        "and three letters do not",
        "an answer is on its way",
        "ask",
        "and has come: the newest is asked",
        "once",
        "ask",
        "an answer that takes too long is not waited for",
    ]
    times = [moment for _, moment in told]
    assert times[1] - times[0] >= 100
    assert times[8] - times[7] >= 100


def test_a_slow_server_is_asked_for_the_last_line_alone(visit: Visit) -> None:
    page = visit.open()
    asked: list[str] = []

    def slow(route: Any) -> None:
        asked.append(parse_qs(urlsplit(route.request.url).query)["q"][0])
        time.sleep(0.25)
        route.continue_()

    page.route("**/api/v1/search?*", slow)
    page.locator("#line").press_sequentially("a red rocket", delay=30)
    page.wait_for_url("**/?q=a+red+rocket")
    page.locator("body:not(.waiting)").wait_for()
    assert asked[-1] == "a red rocket"
    assert len(asked) <= 5, asked


def test_pictures_hold_no_answer_up(visit: Visit) -> None:
    page = visit.open()
    held = Held(page, "**/thumbnail?*")
    page.locator("#line").fill("a rocket")
    page.wait_for_url("**/?q=a+rocket")
    page.locator("body:not(.waiting)").wait_for()
    page.locator("#line").fill("a motorcycle")
    page.wait_for_url("**/?q=a+motorcycle")
    page.locator("body:not(.waiting)").wait_for()
    assert visit.names(1)[0].startswith("motorcycle"), "though no picture has come"
    held.let_go()


def test_few_pictures_come_at_once_and_all_in_the_end(visit: Visit) -> None:
    page = visit.page
    held = Held(page, "**/thumbnail?size=256")
    page.goto(visit.address)
    page.locator(".tile").first.wait_for()
    page.wait_for_timeout(700)
    assert 1 <= len(held.routes) <= 4, "two connections of six are left"
    held.let_go()
    expect(page.locator(".tile img:not(.there)")).to_have_count(0)


def test_the_first_photographs_are_asked_for_once_and_before_the_modules(visit: Visit) -> None:
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url.partition("127.0.0.1")[2].partition("/")[2]))
    for query, first in (
        ("", "api/v1/items?sort=-date&kind=image&limit=60"),
        ("?q=a+cat", "api/v1/search?q=a+cat&k=60"),
    ):
        asked.clear()
        visit.open(query)
        assert asked.count(first) == 1
        expect(visit.page.locator("#line")).to_have_value("a cat" if query else "")
        assert asked.index(first) < asked.index("api/v1/fields")


def test_what_is_typed_is_one_step_of_the_history_though_it_is_asked_often(visit: Visit) -> None:
    page = visit.open()
    before = page.evaluate("history.length")
    page.locator("#line").press_sequentially("a rocket at night", delay=60)
    page.wait_for_url("**/?q=a+rocket+at+night")
    assert page.evaluate("history.length") == before + 1
    page.go_back()
    expect(page.locator("#line")).to_have_value("")


@pytest.mark.parametrize("begun", ["in:", "sort:", "-has:", 'camera:"', "NEAR:"])
def test_a_field_without_its_value_is_still_being_typed(visit: Visit, begun: str) -> None:
    page = visit.open()
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    line = page.locator("#line")
    line.fill("a cat")
    page.keyboard.insert_text(f" {begun}")
    page.wait_for_url("**/?q=a+cat")
    page.wait_for_timeout(1_000)
    expect(page.locator("#summary .wrong")).to_have_count(0)
    assert refused == [], "it is not asked"
    expect(line).to_have_value(f"a cat {begun}")
    assert visit.names(1) == ["chelsea.jpg"]
    page.keyboard.press("Enter")
    expect(page.locator("#summary .wrong")).to_be_visible()
    expect(line).to_have_value(f"a cat {begun}")
    page.wait_for_timeout(1_000)  # the dates ask with the same line, and may be refused later
    visit.complaints.clear()  # the browser notes the refusals


def test_a_field_alone_asks_for_what_is_before_it(visit: Visit) -> None:
    page = visit.open()
    page.locator("#line").press_sequentially("type:", delay=150)
    expect(page.locator("#counted")).to_have_text(re.compile("the newest first$"))
    expect(page.locator("#summary")).not_to_contain_text("Nothing here matches well")
    expect(page.locator("#line")).to_have_value("type:")
    page.locator("#line").press_sequentially("jpg")
    page.wait_for_url("**/?q=type%3Ajpg")
    page.go_back()
    expect(page.locator("#line")).to_have_value("")
    visit.complaints.clear()  # the browser notes refusals of half a value


def test_what_is_offered_further_is_not_wrong_yet(visit: Visit) -> None:
    page = visit.open()
    page.locator("#line").press_sequentially("a cat sort:da", delay=40)
    expect(page.get_by_role("option").filter(has_text="sort:date").first).to_be_visible()
    page.wait_for_timeout(1_500)
    expect(page.locator("#summary .wrong")).to_have_count(0)
    page.locator("#line").blur()
    expect(page.locator("#summary .wrong")).to_be_visible()
    visit.complaints.clear()  # the browser notes the refusal


def test_a_chip_is_taken_away_though_a_field_is_begun(visit: Visit) -> None:
    page = visit.open()
    page.locator("#line").press_sequentially("a cat camera:canon in:", delay=20)
    expect(page.locator(".chip-list .chip-text")).to_have_text(["camera: canon"])
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("Escape")  # what is offered lies over the chips
    page.get_by_role("button", name="Take away camera: canon").click()
    expect(page.locator(".chip-list .chip")).to_have_count(0)
    page.wait_for_url("**/?q=a+cat")
