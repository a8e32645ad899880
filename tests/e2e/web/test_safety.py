"""Names and captions are data; a server that goes away; what a browser is told to forbid."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.fixtures.visits import SCRIPT_CAPTION, SCRIPT_NAME, Visit, Visiting, serve


def test_scripts_in_names_and_captions_stay_text(visit: Visit) -> None:
    page = visit.open('?q=path:"*onerror*"')
    expect(page.locator(".tile")).to_have_count(1)
    assert SCRIPT_NAME in (page.locator(".tile").get_attribute("aria-label") or "")
    page.locator(".tile").click()
    expect(page.locator("#viewer-title")).to_have_text(SCRIPT_NAME)
    expect(page.locator(".caption-text")).to_have_text(SCRIPT_CAPTION)
    page.keyboard.press("Escape")
    visit.ask(f'"{SCRIPT_CAPTION}"')
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src='x']").count() == 0


def test_a_script_in_the_address_stays_text(visit: Visit) -> None:
    page = visit.open("?q=%3Cimg+src%3Dx+onerror%3Dwindow.hacked%3D1%3E+-%3Cb%3E")
    expect(page.locator(".chip.minus .chip-text")).to_have_text("not <b>")
    assert page.evaluate("window.hacked") is None


def test_the_page_runs_under_a_policy_without_inline_scripts(visit: Visit) -> None:
    answer = visit.page.goto(visit.address)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    html = answer.text()
    assert re.search(r"\sstyle=|\son\w+=", html) is None
    assert re.search(r"<script(?![^>]*\ssrc=)", html) is None


def test_a_server_that_goes_away_is_said_and_comes_back(visiting: Visiting, stored: tuple[Path, Path]) -> None:
    server = serve(*stored)
    visit = visiting(address=server.address)
    try:
        page = visit.open()
        server.end()
        page.locator("#line").fill("a rocket")
        banner = page.locator("#banner")
        expect(banner).to_have_text(re.compile("does not answer"))
        server = serve(*stored, port=int(server.address.rpartition(":")[2]))
        expect(banner).to_be_hidden(timeout=30_000)
        first = page.locator('.tile[data-index="0"]')
        expect(first).to_have_attribute("aria-label", re.compile("^rocket"), timeout=30_000)
    finally:
        visit.page.close()
        server.end()
        visit.complaints.clear()  # the browser notes each try
