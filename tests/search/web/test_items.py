"""Items over HTTP: listed, one by one, what is like them, why they were found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import search
from tests.fixtures.web import client_of, problem
from tests.search.web.test_openapi import OPERATIONS


@pytest.fixture(scope="module")
def copied(real_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Three photographs below two indexed folders, one of them thrice, with captions."""
    base = tmp_path_factory.mktemp("copied")
    for name in ("album/2021/cat.png", "album/2022/cat.png", "other/cat.png"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(real_photos / "chelsea.png", base / name)
    shutil.copy(real_photos / "coffee.png", base / "album" / "cup.png")
    shutil.copy(real_photos / "rocket.jpg", base / "other" / "rocket.jpg")
    rows = [{"image": "2021/cat.png", "captions": ["a ginger cat", "<b>Chelsea</b>"]}]
    (base / "album" / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with search.open(base / "s") as library:
        assert library.index(base / "album", base / "other").encoded
    with client_of(base / "s") as found:
        yield found


def by_place(client: TestClient) -> dict[str, int]:
    items = client.get("/items", params={"limit": 1000}).json()["items"]
    return {f"{item['folder']}/{item['name']}": item["id"] for item in items}


def test_all_items_are_listed_page_by_page(client: TestClient, indexed: Path) -> None:
    with search.open(indexed) as library:
        wanted = [item.id for item in library.items(sort="-size")]
    found: list[int] = []
    asked: dict[str, str | int] = {"sort": "-size", "limit": 7}
    while True:
        page = client.get("/items", params=asked).json()
        found += [item["id"] for item in page["items"]]
        if "cursor" not in page:
            break
        assert len(page["items"]) == 7
        asked["cursor"] = page["cursor"]
    assert found == wanted


def test_filters_choose_items(client: TestClient) -> None:
    jpegs = client.get("/items", params={"where": "type:jpeg", "sort": "name"}).json()["items"]
    assert jpegs
    assert {item["format"] for item in jpegs} == {"JPEG"}
    assert [item["name"] for item in jpegs] == sorted(item["name"] for item in jpegs)
    assert client.get("/items", params={"where": " "}).json() == client.get("/items").json()
    texts = client.get("/items", params={"kind": "text"}).json()["items"]
    beside = {(text["name"], text["text"]) for text in texts if text.get("source") == "photos/captions.jsonl"}
    assert beside == {
        ("chelsea.png", "a ginger cat looks at the camera"),
        ("coffee.png", "a cup of coffee on a table"),
    }
    assert "says more" in problem(client.get("/items", params={"where": "a cat"}), 422, "usage")
    problem(client.get("/items", params={"limit": 1001}), 422, "wrong-request")
    assert "another listing" in problem(
        client.get("/items", params={"cursor": client.get("/items?limit=1").json()["cursor"], "sort": "name"}),
        422,
        "usage",
    )


def test_an_item_has_its_captions_and_copies(copied: TestClient) -> None:
    places = by_place(copied)
    assert set(places) == {
        "album/2021/cat.png", "album/2022/cat.png", "album/cup.png", "other/cat.png", "other/rocket.jpg",
    }  # fmt: skip
    found = copied.get(f"/items/{places['album/2021/cat.png']}").json()
    assert found["captions"] == ["a ginger cat", "<b>Chelsea</b>"]
    assert found["also"] == [
        {"name": "cat.png", "folder": "album/2022"},
        {"name": "cat.png", "folder": "other"},
    ]
    assert (found["width"], found["height"], found["format"]) == (451, 300, "PNG")
    assert copied.get(f"/items/{places['album/cup.png']}").json()["also"] == []


OF_ITEMS = [
    (path.removeprefix("/api/v1"), method) for path, method, _ in OPERATIONS if path.startswith("/api/v1/items/{id}")
]


@pytest.mark.parametrize(("path", "method"), OF_ITEMS, ids=str)
def test_every_route_says_the_same_of_an_id(client: TestClient, path: str, method: str) -> None:
    assert len(OF_ITEMS) >= 7
    params = {"q": "a cat"} if path.endswith("/explain") else {}
    for number in (0, 999_999, 2**63 - 1):
        asked = client.request(method, path.replace("{id}", str(number)), params=params)
        assert f" {number} " in problem(asked, 404, "no-item")
    for wrong in ("-1", "x", "1.5", "9223372036854775808", "1e3", "%00", "9" * 5_000):
        asked = client.request(method, path.replace("{id}", wrong), params=params)
        assert problem(asked, 422, "wrong-request").startswith("`id` cannot be used")


@pytest.mark.parametrize("wrong", ["../status", "..%2fstatus", "1/../../x", "%2e%2e/%2e%2e/etc/passwd"])
def test_no_address_leads_out(client: TestClient, wrong: str) -> None:
    assert client.get(f"/items/{wrong}").status_code in (200, 404, 422)
    assert "root:" not in client.get(f"/items/{wrong}").text


def test_similar_photographs_leave_it_out_with_its_copies(copied: TestClient) -> None:
    places = by_place(copied)
    found = copied.get(f"/items/{places['other/cat.png']}/similar").json()
    assert {f"{hit['folder']}/{hit['name']}" for hit in found["hits"]} == {"album/cup.png", "other/rocket.jpg"}
    assert found["query"] == f"like:#{places['other/cat.png']}"
    first = copied.get(f"/items/{places['other/cat.png']}/similar", params={"k": 1}).json()
    second = copied.get(f"/items/{places['other/cat.png']}/similar", params={"k": 1, "after": first["cursor"]}).json()
    assert [hit["id"] for hit in (*first["hits"], *second["hits"])] == [hit["id"] for hit in found["hits"]]
    assert second["hits"][0]["rank"] == 2


def test_a_text_has_none_that_are_similar(client: TestClient) -> None:
    [text] = client.get("/items", params={"kind": "text", "limit": 1}).json()["items"]
    assert "is a text" in problem(client.get(f"/items/{text['id']}/similar"), 404, "no-photograph")


def test_what_cannot_be_explained_says_why(client: TestClient) -> None:
    said = problem(client.get("/items/2/explain", params={"q": "like:#2"}), 404, "not-explained")
    assert said == "Only images that words alone have found can be explained; ask in words."
    said = problem(client.get("/items/2/explain", params={"q": "in:2021"}), 404, "not-explained")
    assert "filters alone" in said
    [text] = client.get("/items", params={"kind": "text", "limit": 1}).json()["items"]
    problem(client.get(f"/items/{text['id']}/explain", params={"q": "a cat"}), 404, "not-explained")


def test_a_copy_is_explained_as_well_and_whatever_else_a_line_says(copied: TestClient) -> None:
    places = by_place(copied)
    found = [
        copied.get(f"/items/{places[place]}/explain", params={"q": "a cat min:99% in:1800 sort:name"}).json()
        for place in ("album/2021/cat.png", "album/2022/cat.png", "other/cat.png")
    ]
    assert found[0]["words"][0]["word"] == "cat"
    assert found[0] == found[1] == found[2]
