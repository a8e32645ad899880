"""Search over HTTP: the answers of the library, and no file is opened by name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

import search
from search.web.settings import ServeSettings
from tests.fixtures.web import client_of, problem


@pytest.fixture(scope="module")
def library(indexed: Path) -> Iterator[search.Library]:
    with search.open(indexed) as opened:
        yield opened


def ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


@pytest.mark.parametrize(
    "line",
    [
        "a cat",
        "a cup of coffee type:png",
        "animal -cat",
        "type:jpeg sort:name",
        "a cat to:text",
        "a photograph to:any",
        "rocket min:10%",
        '2*"a motorcycle" + garage',
    ],
)
def test_the_answer_is_the_library_s(client: TestClient, library: search.Library, line: str) -> None:
    wanted = library.query(search.Query.parse(line), k=7)
    found = client.get("/search", params={"q": line, "k": 7}).json()
    assert found["query"] == line
    assert found["calibrated"] == wanted.calibrated
    assert found["notes"] == list(wanted.notes)
    assert found.get("matches") == wanted.matches
    assert [hit["rank"] for hit in found["hits"]] == list(range(1, len(wanted) + 1))
    for hit, own in zip(found["hits"], wanted, strict=True):
        said = own.to_json()
        told = {name: hit.get(name) for name in said if name not in ("path", "source", "also")}
        assert told == {name: said[name] for name in told}
        assert hit["name"] == os.path.basename(own.path)
        assert hit["folder"] == "photos"
        assert "path" not in hit
    assert client.post("/search", json={"q": line, "k": 7}).json()["hits"] == found["hits"]


def test_options_are_the_library_s(client: TestClient, library: search.Library) -> None:
    options: dict[str, Any] = {
        "sort": "-name",
        "min_probability": 0.01,
        "all_copies": True,
        "by_words": False,
        "rerank": 5,
        "k": 9,
    }
    wanted = [hit.id for hit in library.query("a cat", **options)]
    assert ids(client.get("/search", params={"q": "a cat", **options})) == wanted
    assert ids(client.post("/search", json={"q": "a cat", **options})) == wanted


def test_an_explanation_comes_with_each_hit(client: TestClient) -> None:
    hit = client.get("/search", params={"q": "a ginger cat", "k": 1, "explain": True}).json()["hits"][0]
    assert [word["word"] for word in hit["explain"]["words"]] == ["ginger", "cat"]
    grid = hit["explain"]["grid"]
    assert (len(grid["values"]), len(grid["values"][0])) == (grid["rows"], grid["columns"])
    alone = client.get(f"/items/{hit['id']}/explain", params={"q": "a ginger cat"}).json()
    for word, own in zip(hit["explain"]["words"], alone["words"], strict=True):
        assert own == (word if "box" in word else {name: word[name] for name in word if name != "attention"})
        assert [len(row) for row in word["attention"]] == [grid["columns"]] * grid["rows"]
        assert sum(map(sum, word["attention"])) == pytest.approx(1, abs=0.01)
    assert {**alone, "words": []} == {**hit["explain"], "words": []}


def test_of_a_word_that_was_not_found_a_search_tells_where_it_was_looked_for(client: TestClient) -> None:
    [hit] = client.get("/search", params={"q": "a cat helicopter", "k": 1, "explain": True}).json()["hits"]
    alone = client.get(f"/items/{hit['id']}/explain", params={"q": "a cat helicopter"}).json()
    missing = [number for number, word in enumerate(alone["words"]) if "box" not in word]
    assert missing
    for number in missing:
        assert "attention" not in alone["words"][number]
        assert "attention" in hit["explain"]["words"][number]


def test_the_attention_of_an_answer_is_bounded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"q": "a ginger cat", "k": 5, "explain": True}
    grid = client.get("/search", params=asked).json()["hits"][0]["explain"]["grid"]
    monkeypatch.setattr("search.web.models.answers.MOST_ATTENTION", 3 * 2 * grid["rows"] * grid["columns"] + 1)
    hits = client.get("/search", params={**asked, "k": 6}).json()["hits"]
    told = [all("attention" in word for word in hit["explain"]["words"]) for hit in hits]
    assert told == [True] * 3 + [False] * 3
    assert all(hit["explain"]["grid"]["values"] for hit in hits)


def test_pages_together_are_the_whole_and_their_ranks_go_on(client: TestClient) -> None:
    whole = ids(client.get("/search", params={"q": "a photograph", "k": 100}))
    found: list[int] = []
    asked: dict[str, Any] = {"q": "a photograph", "k": 9}
    while True:
        page = client.get("/search", params=asked).json()
        assert [hit["rank"] for hit in page["hits"]] == list(range(len(found) + 1, len(found) + len(page["hits"]) + 1))
        found += [hit["id"] for hit in page["hits"]]
        if "cursor" not in page:
            break
        asked["after"] = page["cursor"]
    assert found == whole
    assert len(whole) > 20


def test_a_page_behind_a_cursor_does_not_change_while_the_index_grows(
    own_client: TestClient, store: Path, indexed: Path, tmp_path: Path
) -> None:
    whole = ids(own_client.get("/search", params={"q": "a cat", "k": 100}))
    first = own_client.get("/search", params={"q": "a cat", "k": 5}).json()
    listed = own_client.get("/items", params={"limit": 5}).json()
    more = tmp_path / "more"
    more.mkdir()
    photos = indexed.parent / "photos"
    for number, name in enumerate(["chelsea.png", "coffee.png"]):
        Image.open(photos / name).convert("RGB").resize((200 + number, 150)).save(more / f"new{number}.png")
    with search.open(store) as writer:
        assert writer.index(more).encoded == 2
    rest = own_client.get("/search", params={"q": "a cat", "k": 100, "after": first["cursor"]})
    assert [hit["id"] for hit in first["hits"]] + ids(rest) == whole
    others = own_client.get("/items", params={"limit": 1000, "cursor": listed["cursor"]}).json()
    seen = [item["id"] for item in (*listed["items"], *others["items"])]
    assert len(seen) == len(set(seen)) == 32
    assert len(ids(own_client.get("/search", params={"q": "a cat", "k": 100}))) == len(whole) + 2


def test_an_indexed_photograph_is_asked_with_by_its_id(client: TestClient, library: search.Library) -> None:
    cat = ids(client.get("/search", params={"q": "name:chelsea"}))[0]
    found = client.get("/search", params={"q": f"like:#{cat} at night", "k": 5})
    assert ids(found)[0] == cat
    assert found.json()["hits"][0]["same"] is True
    told = problem(client.get("/search", params={"q": "like:#999999"}), 422, "usage")
    assert told.startswith("No photograph has the id 999999;")


@pytest.mark.parametrize(
    "line",
    [
        "like:/etc/passwd",
        "like:chelsea.png",
        "like:file:///etc/passwd",
        'like:"../photos/chelsea.png"',
        "like:-",
        "like:http://127.0.0.1/x.png",
        "cat -like:/dev/zero",
    ],
)
def test_no_file_is_opened_by_its_name(client: TestClient, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.query.query.look_named", None)  # whoever looks there would fail otherwise
    told = problem(client.get("/search", params={"q": line}), 422, "usage")
    assert "which a server opens for nobody" in told


def test_the_name_of_an_upload_is_no_path(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.query.query.look_named", None)
    told = problem(client.get("/search", params={"q": "like:upload:../../etc/passwd"}), 422, "usage")
    assert told.startswith("like:upload:../../etc/passwd names no upload;")


def test_words_that_look_like_a_file_are_words(client: TestClient, indexed: Path) -> None:
    photo = indexed.parent / "photos" / "chelsea.png"
    found = client.get("/search", params={"q": str(photo), "k": 3}).json()
    assert all("same" not in hit or not hit["same"] for hit in found["hits"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"q": "a cat", "k": 0}, "`k`"),
        ({"q": "a cat", "k": 1001}, "`k`"),
        ({"q": "a cat", "k": "many"}, "`k`"),
        ({"q": "a cat", "to": "video"}, "`to`"),
        ({"q": "a cat", "min_probability": 2}, "`min_probability`"),
        ({"q": "a cat", "min_probability": "nan"}, "`min_probability`"),
        ({"q": "a cat", "rerank": 100_000}, "`rerank`"),
        ({"q": "a cat", "colour": "red"}, "`colour`"),
        ({"q": "x" * 10_001}, "`q`"),
    ],
)
def test_a_wrong_option_is_named(client: TestClient, given: dict[str, Any], said: str) -> None:
    assert said in problem(client.get("/search", params=given), 422, "wrong-request")
    if given.get("min_probability") != "nan":
        assert said in problem(client.post("/search", json=given), 422, "wrong-request")


@pytest.mark.parametrize(
    ("line", "kind", "said"),
    [
        ("", "empty-query", "The query is empty"),
        ("   ", "empty-query", "The query is empty"),
        ("camra:pixel car", "query-syntax", "did you mean camera:"),
        ("near:Atlantisss", "usage", "No place called"),
        ("-people", "query-syntax", "say what is wanted as well"),
    ],
)
def test_a_wrong_line_is_told_as_by_the_library(client: TestClient, line: str, kind: str, said: str) -> None:
    assert said in problem(client.get("/search", params={"q": line}), 422, kind)


def test_a_body_that_is_none_is_refused(client: TestClient) -> None:
    for body in (b"", b"{", b"[]", b'"x"', b"\xff\xfe", json.dumps({"q": "\ud800"}).encode()):
        answer = client.post("/search", content=body, headers={"Content-Type": "application/json"})
        problem(answer, 422, "wrong-request")


def test_a_cursor_of_another_query_is_refused(client: TestClient) -> None:
    cursor = client.get("/search", params={"q": "a dog", "k": 3}).json()["cursor"]
    assert "another query" in problem(client.get("/search", params={"q": "a cat", "after": cursor}), 422, "usage")
    for wrong in ("x", "WyJh", "\x00", "é"):
        problem(client.get("/search", params={"q": "a cat", "after": wrong}), 422, "usage")


def test_why_there_is_nothing_is_said(client: TestClient) -> None:
    found = client.get("/search", params={"q": "a cat camera:hasselblad"}).json()
    assert found["hits"] == []
    assert found["reason"] == "Nothing here was taken with a camera whose name holds hasselblad."


def test_paths_are_told_to_the_owner_alone(client: TestClient, indexed: Path) -> None:
    asked: dict[str, Any] = {"q": "a cat", "k": 1, "paths": True}
    hit = client.get("/search", params=asked).json()["hits"][0]
    assert hit["path"] == str(indexed.parent / "photos" / "chelsea.png")
    with client_of(indexed, ServeSettings(show_paths=False)) as other:
        for address in ("/search?q=a+cat", "/items?limit=1", "/items/2?", "/items/2/similar?", "/status?"):
            problem(other.get(f"{address}&paths=true"), 403, "paths-not-told")


def test_no_answer_holds_an_absolute_path(client: TestClient, indexed: Path) -> None:
    above = str(indexed.parent)
    for address in (
        "/search?q=a+cat&k=50",
        "/search?q=a+cat&to=any&k=50",
        "/items?limit=100",
        "/items?kind=text",
        "/items/2",
        "/status",
        "/values?field=path",
        "/fields",
        "/metrics",
        "/items/2/similar",
    ):
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert above not in answer.text, address


def test_the_sentence_of_an_error_names_no_folder_above(tmp_path: Path) -> None:
    with client_of(tmp_path / "secret" / "none.search") as other:
        told = problem(other.get("/search", params={"q": "a cat"}), 503, "store-missing")
        assert "none.search" in told
        assert "secret" not in told
        problem(other.get("/status"), 503, "store-missing")
        assert other.get("/health").status_code == 200
        assert other.get("/metrics").status_code == 200
