"""Names and captions are data; a server that goes away; what a browser is told to forbid."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.fixtures.paths import ROOT
from tests.fixtures.visits import SCRIPT_CAPTION, SCRIPT_NAME, Starting, Visit, Visiting, serve


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


#: Text nodes in which a text stands that nothing isolates from what is around it, and attributes that hold it bare.
OPEN_TO_ALL = """turned => {
    const found = [];
    const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
        if (node.nodeType === Node.TEXT_NODE) {
            const isolates = getComputedStyle(node.parentElement).unicodeBidi;
            if (node.data.includes(turned) && !/isolate|plaintext/.test(isolates)) found.push(node.data);
            continue;
        }
        for (const name of ["aria-label", "title", "alt"]) {
            const said = node.getAttribute(name) ?? "";
            if (said.includes(turned) && !/\\u2068[^\\u2069]*\\u202e[^\\u2069]*\\u2069/.test(said)) found.push(said);
        }
    }
    return found;
}"""


def test_an_index_that_is_put_back_is_shown_without_asking_again(
    stored: tuple[Path, Path], tmp_path: Path, visiting: Visiting, serving_too: Starting
) -> None:
    store, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    shutil.copytree(stored[1], store)
    visit = visiting(address=serving_too(stored[0], store).address)
    page = visit.open()
    store.rename(elsewhere)
    page.locator("#line").fill("a rocket")
    page.keyboard.press("Enter")
    expect(page.locator("#summary .wrong")).to_contain_text("is no longer there")
    elsewhere.rename(store)  # which nothing has taken the place of
    first = page.locator('.tile[data-index="0"]')
    expect(first).to_have_attribute("aria-label", re.compile("^rocket"), timeout=60_000)
    expect(page.locator("#summary .wrong")).to_have_count(0)
    visit.complaints.clear()  # the browser notes each refusal


def test_a_name_that_turns_the_writing_turns_nothing_but_itself(
    tmp_path: Path, real_photos: Path, visiting: Visiting, serving_too: Starting
) -> None:
    turned = "a\u202egnp"
    folder = tmp_path / f"of {turned}"
    folder.mkdir()
    shutil.copy(real_photos / "chelsea.png", folder / f"{turned}.png")
    shutil.copy(real_photos / "chelsea.png", folder / f"copy {turned}.png")
    (folder / f"{turned}.jpg").write_text("no image")
    command = [sys.executable, "-m", "search", "index", str(folder), "--store", str(tmp_path / "store")]
    subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=300)
    server = serving_too(folder, tmp_path / "store")
    visit = visiting(address=server.address)
    page = visit.open(f'?q=name:"{turned}"')
    assert page.evaluate(OPEN_TO_ALL, turned) == []
    assert turned in (page.locator(".tile").first.get_attribute("aria-label") or "")
    page.get_by_role("button", name="Collections").click()
    page.locator(".failures summary").click()
    expect(page.locator(".failures li")).to_contain_text(turned)
    assert page.evaluate(OPEN_TO_ALL, turned) == []
    page.keyboard.press("Escape")
    page.locator(".tile").first.click()
    expect(page.locator(".copies li")).to_contain_text(turned)
    assert page.locator("#viewer-title bdi").text_content() in (f"{turned}.png", f"copy {turned}.png")
    assert page.evaluate(OPEN_TO_ALL, turned) == []
