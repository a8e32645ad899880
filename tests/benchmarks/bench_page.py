"""The page in a browser: how soon it shows its first photographs, and how soon an answer stands while somebody types.

    python tests/benchmarks/bench_page.py STORE [--visits 7] [--json PATH]

STORE is a store of photographs that lie where they were indexed. "first": thumbnails are made at that visit; "again":
they were. Painted is what the browser has decoded and put on the screen: two frames after the last picture has loaded.
"Typed" is from the last key to the new first row in the document, the page's own patience included (none
where no answer is on its way); "asked" without it, from the request to its row.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.benchmarks.machine import about, save
from tests.fixtures.visits import serve

#: So many thumbnails have to be on the screen.
WANTED = 60
#: High enough for so many, as a large screen is.
WINDOW = {"width": 2560, "height": 1440}
LINES = ("a dog runs on the beach", "two people ride bicycles", "a red bus in the city", "children play football")

PAINTED = """async wanted => {
    const there = () => [...document.querySelectorAll(".tile")].filter(one => {
        const { top, bottom } = one.getBoundingClientRect();
        return top < innerHeight && bottom > 0;
    });
    while (true) {
        const shown = document.querySelectorAll(".tile img.there").length;
        if (shown >= wanted) break;
        await new Promise(requestAnimationFrame);
    }
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return [performance.now(), there().length];
}"""

TYPED = """async text => {
    const input = document.querySelector("#line");
    const grid = document.querySelector("#grid");
    input.focus();
    const began = performance.now();
    performance.setResourceTimingBufferSize(5000);
    performance.clearResourceTimings();
    input.value = text;
    const changed = new Promise(resolve => {
        const observer = new MutationObserver(() => {
            if (!performance.getEntriesByType("resource").some(one => one.name.includes("/search?"))) return;
            observer.disconnect();
            resolve(performance.now());
        });
        observer.observe(grid, { childList: true });
    });
    input.dispatchEvent(new InputEvent("input", { bubbles: true }));
    const ended = await changed;
    const asked = performance.getEntriesByType("resource").filter(one => one.name.includes("/search?")).at(-1);
    await new Promise(resolve => setTimeout(resolve, 250));
    return [ended - began, ended - asked.startTime];
}"""


def first_page(browser: Any, address: str) -> tuple[float, int]:
    """Milliseconds from the visit until 60 thumbnails are painted, with an empty cache of the browser."""
    context = browser.new_context(viewport=WINDOW)
    page = context.new_page()
    page.goto(address)
    took, visible = page.evaluate(PAINTED, WANTED)
    context.close()
    return took, visible


def typing(browser: Any, address: str) -> tuple[list[float], list[float]]:
    """Of every beginning of the lines, letter by letter: milliseconds from the key, and from the request."""
    context = browser.new_context(viewport=WINDOW)
    page = context.new_page()
    page.goto(address)
    page.locator(".tile img.there").first.wait_for(timeout=60_000)
    page.evaluate(TYPED, "warm up")
    beginnings = [line[:end] for line in LINES for end in range(3, len(line) + 1) if line[end - 1] != " "]
    found = [page.evaluate(TYPED, text) for text in beginnings]
    context.close()
    return [typed for typed, _ in found], [asked for _, asked in found]


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--visits", type=int, default=7)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    chromium = shutil.which("chromium")
    assert chromium is not None, "there is no chromium here"
    subprocess.run([sys.executable, "-m", "search", "status", "--store", str(given.store)], check=True)
    server = serve(Path(), given.store)
    found = about()
    try:
        with sync_playwright() as running:
            browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            first, visible = first_page(browser, server.address)
            again = [first_page(browser, server.address)[0] for _ in range(given.visits)]
            typed, asked = typing(browser, server.address)
            browser.close()
    finally:
        server.end()
    for name, times in (("first", [first]), ("again", again), ("typed", typed), ("asked", asked)):
        ordered = sorted(times)
        found[name] = {
            "p50": statistics.median(ordered),
            "p95": ordered[int(0.95 * (len(ordered) - 1))],
            "n": len(ordered),
        }
        print(f"{name:6} p50 {found[name]['p50']:6.0f} ms   p95 {found[name]['p95']:6.0f} ms   of {len(ordered)}")
    print(f"{visible} photographs lie in the window")
    if given.json is not None:
        save(given.json, found)


if __name__ == "__main__":
    main()
