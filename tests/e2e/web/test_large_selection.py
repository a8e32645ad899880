"""More photographs selected than one request, one zip, or one query takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tests.e2e.web.test_many import photograph, pretend
from tests.fixtures.visits import Visit, Visiting


def select_all(visit: Visit) -> Any:
    page = visit.open()
    page.locator('.tile[data-index="0"]').focus()
    page.keyboard.press("Control+a")
    expect(page.locator("#picked strong")).to_have_text("10,000 photographs", timeout=60_000)
    return page


def by_ids(visit: Visit, gone: frozenset[int] = frozenset()) -> list[str]:
    """The server tells paths of photographs that are asked for by their ids; what it was asked."""
    asked: list[str] = []

    def items(route: Any) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        if "where" not in query:
            route.fallback()
            return
        asked.append(route.request.url)
        ids = [int(number) for number in query["where"][0].removeprefix("id:").split(",")]
        assert len(ids) <= int(query["limit"][0])
        image = query["kind"][0] == "image"
        there = [number for number in sorted(ids, reverse=True) if image and number not in gone]
        told = [{**photograph(number), "path": f"/all/{number}.jpg"} for number in there]
        route.fulfill(body=json.dumps({"items": told}), content_type="application/json")

    visit.page.route("**/api/v1/items?*", items)
    return asked


def test_all_paths_are_copied_in_few_requests(visiting: Visiting) -> None:
    visit = visiting(permissions=["clipboard-read", "clipboard-write"])
    pretend(visit)
    asked = by_ids(visit)
    page = select_all(visit)
    page.get_by_role("button", name="Copy their paths").click()
    expect(page.locator("#toast")).to_have_text("10,000 paths are copied.", timeout=60_000)
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied == [f"/all/{number}.jpg" for number in range(10_000)], "all of them, in their order"
    assert len(asked) <= 20


def test_paths_are_counted_that_are_copied(visiting: Visiting) -> None:
    visit = visiting(permissions=["clipboard-read", "clipboard-write"])
    pretend(visit)
    by_ids(visit, gone=frozenset(range(0, 10_000, 4)))
    page = select_all(visit)
    page.get_by_role("button", name="Copy their paths").click()
    expect(page.locator("#toast")).to_have_text("7,500 paths are copied.", timeout=60_000)
    assert len(page.evaluate("navigator.clipboard.readText()").splitlines()) == 7_500


def test_what_is_too_many_is_said_beforehand(visit: Visit) -> None:
    pretend(visit)
    page = select_all(visit)
    within = page.get_by_role("button", name="Search within takes up to 1,000 photographs; select fewer")
    expect(within).to_have_text("Search within (up to 1,000)")
    expect(within).to_have_attribute("aria-disabled", "true")
    within.click(force=True)  # it says why it does nothing
    expect(page.locator("#toast")).to_have_text("Search within takes up to 1,000 photographs; select fewer.")
    download = page.get_by_role("button", name="Download zip 1 of 10; one has up to 1,000 photographs")
    expect(download).to_have_text("Download zip 1 of 10")
    page.keyboard.press("Escape")
    page.locator('.tile[data-index="0"]').click(modifiers=["Control"])
    expect(page.get_by_role("button", name="Search within these")).to_have_attribute("aria-disabled", "false")
    expect(page.get_by_role("button", name="Download as a zip")).to_have_text("Download")


REFUSED = {"title": "", "status": 413, "type": "too-large", "detail": "Together they have more than 2 GB."}
GONE = {"title": "", "status": 410, "type": "photograph-gone", "detail": "None of these can be saved."}


def zipping(visit: Visit, problem: Callable[[list[int]], dict[str, Any] | None]) -> list[list[int]]:
    """The server packs zips, but for those that have a problem; the photographs of each."""
    packed: list[list[int]] = []

    def answer(route: Any) -> None:
        ids = route.request.post_data_json["ids"]
        refusal = problem(ids)
        if refusal is not None:
            body = json.dumps(refusal)
            route.fulfill(status=refusal["status"], body=body, content_type="application/problem+json")
            return
        packed.append(ids)
        route.fulfill(body=b"PK", headers={"Search-Left-Out": "0"}, content_type="application/zip")

    visit.page.route("**/api/v1/downloads", answer)
    return packed


def save_next(page: Any, number: int, all_: int) -> str:
    """Press for the zip of this number, of so many as were known before; what it is called."""
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download zip {number} of {all_}").click()
    name: str = download.value.suggested_filename
    return name


def test_a_selection_is_saved_in_as_many_zips_as_it_takes(visit: Visit) -> None:
    pretend(visit)
    packed = zipping(visit, lambda ids: None)
    page = select_all(visit)
    names = [save_next(page, number, 10) for number in range(1, 11)]
    assert names == [f"photographs-{number}.zip" for number in range(1, 11)]
    assert [number for ids in packed for number in ids] == list(range(10_000)), "each photograph once"
    assert max(map(len, packed)) <= 1_000
    expect(page.locator("#toast")).to_have_text("Downloaded zip 10 of 10.")
    expect(page.get_by_role("button", name="Download zip 1 of 10")).to_be_visible()


def test_what_is_too_large_for_one_zip_comes_in_two(visit: Visit) -> None:
    pretend(visit)
    packed = zipping(visit, lambda ids: REFUSED if len(ids) > 500 else None)
    page = select_all(visit)
    save_next(page, 1, 10)
    expect(page.locator("#toast")).to_have_text("Downloaded zip 1 of 11. The same button fetches the next.")
    save_next(page, 2, 11)
    save_next(page, 3, 11)
    assert packed == [list(range(500)), list(range(500, 1_000)), list(range(1_000, 1_500))]
    visit.complaints.clear()  # the browser notes a refusal


def test_a_zip_of_which_all_is_gone_keeps_no_other_back(visit: Visit) -> None:
    pretend(visit)
    packed = zipping(visit, lambda ids: GONE if ids[0] == 0 else None)
    page = select_all(visit)
    page.get_by_role("button", name="Download zip 1 of 10").click()
    expect(page.locator("#toast")).to_have_text("None of these can be saved.")
    save_next(page, 2, 10)
    assert packed == [list(range(1_000, 2_000))]
    visit.complaints.clear()  # the browser notes a refusal
