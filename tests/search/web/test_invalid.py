"""What is wrong with a request is said in a plain sentence, whatever pydantic says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from fastapi.dependencies.utils import get_flat_params
from fastapi.testclient import TestClient
from pydantic import TypeAdapter
from pydantic_core import core_schema

from search.web.app import ROUTES
from search.web.invalid import OTHERS, WRONG, sentence, why
from tests.fixtures.web import client_of, problem

#: By the type of a schema: what it can raise, and by its bounds.
RAISES: dict[str, set[str]] = {
    "int": {"int_type", "int_parsing", "int_from_float", "int_parsing_size"},
    "float": {"float_type", "float_parsing", "finite_number"},
    "bool": {"bool_type", "bool_parsing"},
    "str": {"string_type", "string_unicode"},
    "literal": {"literal_error"},
    "enum": {"enum"},
    "list": {"list_type"},
    "model": {"model_type", "model_attributes_type"},
    "model-fields": {"dict_type", "model_attributes_type", "extra_forbidden"},
    "model-field": {"missing"},
    "default": set(),
    "nullable": set(),
    "definitions": set(),
    "definition-ref": set(),
}
BOUNDS = {
    ("int", "ge"): "greater_than_equal",
    ("int", "le"): "less_than_equal",
    ("float", "ge"): "greater_than_equal",
    ("float", "le"): "less_than_equal",
    ("str", "max_length"): "string_too_long",
    ("str", "min_length"): "string_too_short",
    ("str", "pattern"): "string_pattern_mismatch",
    ("list", "min_length"): "too_short",
    ("list", "max_length"): "too_long",
}


def schemas(value: Any) -> Iterator[dict[str, Any]]:
    """All of a core schema."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value
        for name, each in value.items():
            if name not in ("metadata", "default", "serialization", "config"):
                yield from schemas(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from schemas(each)


def raised() -> set[str]:
    """Every type of error that a parameter or a body of the API can raise."""
    found = {"missing"}
    for module in ROUTES:
        for route in module.router.routes:
            taken = [each.field_info for each in get_flat_params(route.dependant)]  # type: ignore[attr-defined]
            if route.body_field is not None:  # type: ignore[attr-defined]
                taken.append(route.body_field.field_info)  # type: ignore[attr-defined]
            for field in taken:
                bounded = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
                for schema in schemas(TypeAdapter(bounded).core_schema):
                    found |= RAISES[schema["type"]]
                    found |= {kind for (of, bound), kind in BOUNDS.items() if of == schema["type"] and bound in schema}
    return found


def test_every_error_that_the_api_can_raise_has_a_sentence_of_its_own() -> None:
    found = raised()
    assert len(found) > 20
    assert found - set(WRONG) == set()


@pytest.mark.parametrize("kind", get_args(core_schema.ErrorType))
def test_any_error_of_pydantic_becomes_a_sentence(kind: str) -> None:
    error = {"type": kind, "loc": ("query", "k"), "msg": "Input should be odd", "input": "x"}
    said = sentence(error, ["q"])
    assert said.startswith(("`k` ", "There is no field `k`"))
    assert said.endswith(".")
    assert "; " in said
    assert "Input" not in said
    assert "{" not in said
    assert kind in WRONG or why(error) == OTHERS


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("/search?q=a&k=", "`k` cannot be used: it is no whole number; give one."),
        ("/search?q=a&k=0", "`k` cannot be used: it is less than 1; give 1 or more."),
        ("/search?q=a&k=1001", "`k` cannot be used: it is more than 1,000; give 1,000 or less."),
        ("/search?q=a&explain=maybe", "`explain` cannot be used: it is neither true nor false; give one of these."),
        ("/search?q=a&min_probability=nan", "`min_probability` cannot be used: it is no finite number; give one."),
        ("/search?q=a&to=video", "`to` cannot be used: it is none of 'image', 'text' or 'any'; give one of these."),
        (f"/search?q={'x' * 10_001}", "`q` cannot be used: it has more than 10,000 characters; say it shorter."),
        ("/items/0/explain", "`q` is missing; give it."),
        ("/items/x", "`id` cannot be used: it is no whole number; give one."),
        (
            "/uploads/nope/thumbnail",
            "`name` cannot be used: it is none that an answer gave; take it from there as it is.",
        ),
    ],
)
def test_a_parameter(client: TestClient, asked: str, said: str) -> None:
    assert problem(client.get(asked), 422, "wrong-request") == said


def test_a_field_that_there_is_not_is_named_with_those_that_there_are(client: TestClient) -> None:
    said = problem(client.post("/indexing", json={"nosuch": 1}), 422, "wrong-request")
    assert said == "There is no field `nosuch`; there are `collections`, `verify`."


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (b"{", JSON, "The body is no JSON (character 2); send JSON."),
        (b"", JSON, "The request has no body; send a JSON object, with `Content-Type: application/json`."),
        (b'{"q":"a"}', {}, "The body is not said to be JSON; send it with `Content-Type: application/json`."),
        (
            b'{"q":"a"}',
            {"Content-Type": "text/plain"},
            "The body is not said to be JSON; send it with `Content-Type: application/json`.",
        ),
        (b"[1]", JSON, "The body is no JSON object; send one, as {...}."),
        (b"\xff\xfe\xff", JSON, "The body is no UTF-8; send JSON in UTF-8."),
        (b"[" * 100_000, JSON, "too deep in one another; send it flatter."),
        (b'{"k":' + b"1" * 5_000 + b"}", JSON, "a number has too many digits; send a shorter one."),
        (b'{"q":7}', JSON, "`q` cannot be used: it is no text; give one."),
        (
            json.dumps({"q": "\ud800"}).encode(),
            JSON,
            "`q` cannot be used: it holds what is no character of Unicode; leave that out.",
        ),
    ],
    ids=range(10),
)
def test_a_body(client: TestClient, body: bytes, headers: dict[str, str], said: str) -> None:
    assert problem(client.post("/search", content=body, headers=headers), 422, "wrong-request").endswith(said)


def test_a_list_without_a_value(client: TestClient) -> None:
    said = problem(client.post("/downloads", json={"ids": []}), 422, "wrong-request")
    assert said == "`ids` cannot be used: it has fewer values than 1; give more."


@pytest.mark.parametrize(
    ("asked", "name"),
    [("/search?q=dog&q=cat", "q"), ("/search?q=a&k=1&k=2", "k"), ("/items?limit=1&limit=1", "limit")],
)
def test_what_is_given_twice_and_is_no_list(client: TestClient, asked: str, name: str) -> None:
    assert problem(client.get(asked), 422, "wrong-request") == f"`{name}` is given 2 times; give it once."


def test_a_list_may_be_given_twice(tmp_path: Path, client: TestClient) -> None:
    assert client.get("/search?field=type:png&field=in:2021").status_code == 200
    with client_of(tmp_path / "none") as other:  # before the store is looked at
        problem(other.get("/search?q=dog&q=cat"), 422, "wrong-request")
