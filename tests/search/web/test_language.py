"""Fields, values, dates and the state of the store over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import search
from search.query.examples import EXAMPLES
from search.query.fields import FIELDS
from tests.fixtures.web import problem


def test_the_fields_are_those_of_the_language(client: TestClient) -> None:
    found = client.get("/fields").json()
    assert [field["name"] for field in found["fields"]] == list(FIELDS)
    by_name = {field["name"]: field for field in found["fields"]}
    assert by_name["type"]["choices"] == ["jpeg", "png", "webp", "gif", "bmp", "tiff", "heic", "avif"]
    assert "choices" not in by_name["camera"]
    assert {name for name, field in by_name.items() if field["listed"]} == {
        "camera", "lens", "country", "near", "keyword", "path", "type", "year", "month",
    }  # fmt: skip


def test_the_lines_are_those_of_the_documentation(client: TestClient) -> None:
    examples = client.get("/fields").json()["examples"]
    assert [(each["line"], each["says"]) for each in examples] == list(EXAMPLES)
    assert [each["line"] for each in examples if each["names_file"]] == [
        "trips/paris/cat.jpg",
        "garden/flower.jpg + red",
    ]
    for each in examples:
        assert client.get("/search", params={"q": each["line"], "k": 1}).status_code == 200, each["line"]


@pytest.mark.parametrize("field", ["camera", "lens", "country", "place", "keyword", "path", "type", "year", "month"])
def test_values_are_the_library_s(client: TestClient, indexed: Path, field: str) -> None:
    with search.open(indexed) as library:
        wanted = library.values(field)  # type: ignore[arg-type]
    found = client.get("/values", params={"field": field}).json()
    assert found == [{"value": each.value, "count": each.count, "query": each.query} for each in wanted]
    for each in found:
        assert client.get("/items", params={"where": each["query"]}).json()["items"]


def test_values_are_narrowed(client: TestClient) -> None:
    assert [each["value"] for each in client.get("/values?field=type&prefix=P").json()] == ["png"]
    assert len(client.get("/values?field=type&limit=1").json()) == 1
    problem(client.get("/values?field=size"), 422, "wrong-request")
    problem(client.get("/values?field=type&limit=0"), 422, "wrong-request")


@pytest.mark.parametrize("by", ["year", "month", "day"])
def test_bars_count_every_photograph_once(client: TestClient, by: str) -> None:
    bars = client.get("/histogram", params={"by": by}).json()
    assert [bar["start"] for bar in bars] == sorted({bar["start"] for bar in bars})
    assert sum(bar["count"] for bar in bars) == client.get("/status").json()["images"]
    for bar in bars:
        found = client.get("/items", params={"where": bar["query"], "limit": 1000}).json()["items"]
        assert len(found) == bar["count"]


def test_bars_of_a_filter(client: TestClient) -> None:
    bars = client.get("/histogram", params={"by": "year", "where": "type:jpeg"}).json()
    jpegs = client.get("/items", params={"where": "type:jpeg"}).json()["items"]
    assert sum(bar["count"] for bar in bars) == len(jpegs) > 0
    problem(client.get("/histogram", params={"by": "year", "where": "cats"}), 422, "usage")
    problem(client.get("/histogram", params={"by": "week"}), 422, "wrong-request")


def test_the_status_is_the_library_s(client: TestClient, indexed: Path) -> None:
    with search.open(indexed) as library:
        wanted, state = library.status(), library.state()
    found = client.get("/status").json()
    assert (found["images"], found["texts"], found["generation"]) == (wanted.images, wanted.texts, state.generation)
    assert wanted.encoder is not None
    assert found["encoder"] == {
        "name": wanted.encoder.name,
        "weights": wanted.encoder.weights,
        "dimension": wanted.encoder.dimension,
        "preprocessing": json.loads(wanted.encoder.to_json())["preprocessing"],
    }
    assert found["indexes"]["image"]["count"] == wanted.images
    assert (found["folder"], "path" in found) == (indexed.name, False)
    assert client.get("/status?paths=true").json()["path"] == str(indexed)
