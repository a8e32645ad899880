"""Contact sheets and reports in a real browser: at the width of a phone, in both themes, with links to their files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.conftest import Cli

#: What reaches beyond the right edge, unless it lies in something that scrolls by itself.
BEYOND = """() => [...document.querySelectorAll("body *")].filter((each) => {
  for (let up = each.parentElement; up; up = up.parentElement)
    if (getComputedStyle(up).overflowX !== "visible") return false;
  return each.getBoundingClientRect().right > innerWidth + 1;
}).map((each) => each.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def odd(indexed: Path) -> str:
    """A photograph of a long name that HTML and addresses know signs of."""
    return "a" * 90 + " <b>#%41?&.png"


def written(cli: Cli, what: str, store: Path, folder: Path, odd: str) -> Path:
    page = folder / f"{what}.html"
    photos = Path(shutil.copytree(store.parent / "photos", folder / "photos"))
    shutil.copy(photos / "chelsea.png", photos / odd)
    own = folder / "own.search"
    assert cli("index", photos, "-s", own, "-q").code == 0
    if what == "sheet":
        assert cli("query", "a ginger cat", "-s", own, "-k", 12, "--explain", "--all-copies", "--sheet", page).code == 0
    else:
        table = folder / "pairs.jsonl"
        pairs = {"coffee.png": "a kitten", "chelsea.png": "a cup of coffee", "rocket.jpg": "old coins"}
        table.write_text("".join(f'{{"image": "{name}", "caption": "{said}"}}\n' for name, said in pairs.items()))
        assert cli("eval", table, "-s", own, "--images", photos, "--html", page).code == 0
    return page


@pytest.mark.parametrize("what", ["sheet", "report"])
def test_it_fits_a_phone_in_both_themes_and_links_to_its_pictures(
    cli: Cli, chromium: Browser, indexed: Path, tmp_path: Path, odd: str, what: str
) -> None:
    page_file = written(cli, what, indexed, tmp_path, odd)
    papers = set()
    for theme in ("light", "dark"):
        context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme=theme)  # type: ignore[arg-type]
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(page_file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate(BEYOND) == []
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        links = page.locator("a")
        assert links.count() == page.locator("a img:first-child").count() > 1
        assert {links.nth(at).get_attribute("rel") for at in range(links.count())} == {"noreferrer"}
        wanted = page.locator(f'a:has(img[alt="{odd}"])') if what == "sheet" else links
        wanted.first.click()
        page.wait_for_url("file://**/photos/*")
        assert page.evaluate("document.images[0].naturalWidth") > 0  # the browser shows the file
        assert said == []
        context.close()
    assert len(papers) == 2
