"""A server for other machines, seen by a browser: it asks for its token, and offers what it does and nothing else."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.fixtures.visits import Serving, Visiting, serve

TOKEN = "a-token-for-tests-0123456789"
SIZES: list[dict[str, Any]] = [
    {"width": 1280, "height": 800, "color_scheme": "light"},
    {"width": 390, "height": 844, "color_scheme": "dark", "has_touch": True, "is_mobile": True},
    {"width": 320, "height": 568},
    {"width": 844, "height": 390},
]


@pytest.fixture(scope="module")
def guarded(stored: tuple[Path, Path]) -> Iterator[Serving]:
    """A server for other machines."""
    server = serve(*stored, 0, "--host", "0.0.0.0", "--name", "127.0.0.1", SEARCH_TOKEN=TOKEN)
    yield server
    server.end()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size['width']}x{size['height']}")
def test_a_browser_without_the_token_is_asked_for_it(
    visiting: Visiting, guarded: Serving, size: dict[str, Any]
) -> None:
    visit = visiting(address=guarded.address, **size)
    page = visit.page
    answer = page.goto(f"{guarded.address}/?q=a+cat")
    assert answer.status == 401
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    field = page.get_by_label("Token")
    expect(field).to_be_focused()
    assert page.locator("main").evaluate("one => getComputedStyle(one).borderRadius") == "20px", "its style is allowed"
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    visit.shot(f"token-{size['width']}")
    field.fill("not-the-token-of-this-server")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not the token of this server.")
    found = Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    page.locator(".tile img.there").first.wait_for()
    assert page.url == f"{guarded.address}/?q=a+cat", "what was looked for goes on, and the token has left the address"
    visit.complaints.clear()  # the browser notes each 401


def test_what_was_asked_beside_the_token_stays_text(visiting: Visiting, guarded: Serving) -> None:
    visit = visiting(address=guarded.address)
    visit.page.goto(f"{guarded.address}/?q=%22%3E%3Cscript%3Ewindow.hacked%3D1%3C%2Fscript%3E")
    assert visit.page.locator("input[name=q]").get_attribute("value") == '"><script>window.hacked=1</script>'
    assert visit.page.evaluate("window.hacked") is None
    visit.complaints.clear()


@pytest.mark.parametrize(
    ("path", "accept"), [("/", "*/*"), ("/api/v1/health", "text/html"), ("/page/main.js", "text/html")]
)
def test_programs_are_told_by_a_problem(guarded: Serving, path: str, accept: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(guarded.address + path, headers={"Accept": accept}))
    assert refused.value.code == 401
    assert refused.value.headers["content-type"] == "application/problem+json"
    assert json.load(refused.value)["type"] == "token-missing"


def test_nothing_is_offered_that_is_refused(visiting: Visiting, guarded: Serving) -> None:
    visit = visiting(address=guarded.address)
    page = visit.open(f"?token={TOKEN}")
    page.locator('.tile[data-index="0"]').click(modifiers=["Control"])
    expect(page.get_by_role("button", name="Download as a zip")).to_be_visible()
    expect(page.get_by_role("button", name="Copy their paths")).to_be_hidden()
    page.keyboard.press("Escape")
    page.locator('.tile[data-index="0"]').click()
    expect(page.get_by_role("link", name="Download the original")).to_be_visible()
    expect(page.get_by_role("button", name="Show in its folder")).to_be_hidden()
    expect(page.get_by_role("button", name="Copy its path")).to_be_hidden()


def test_the_owner_is_offered_paths(visiting: Visiting) -> None:
    visit = visiting()
    page = visit.open()
    page.locator('.tile[data-index="0"]').click()
    expect(page.get_by_role("button", name="Copy its path")).to_be_visible()
    can = page.evaluate("fetch('/api/v1/health').then(answer => answer.json())")
    expect(page.get_by_role("button", name="Show in its folder")).to_be_visible(visible=can["reveal"])


def test_a_token_that_was_changed_is_asked_for_anew(visiting: Visiting, guarded: Serving) -> None:
    visit = visiting(address=guarded.address)
    page = visit.open(f"?token={TOKEN}")
    page.context.clear_cookies()
    page.locator("#line").fill("a rocket")
    expect(page.get_by_label("Token")).to_be_visible()
    visit.complaints.clear()
