"""Parameters that a route has not are refused, the same way by every route of the API."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from search.web.settings import PREFIX
from tests.fixtures.web import problem
from tests.search.web.test_openapi import OPERATIONS


@pytest.mark.parametrize(("path", "method"), [each[:2] for each in OPERATIONS], ids=str)
def test_a_parameter_that_a_route_has_not_is_refused_with_those_that_it_has(
    client: TestClient, path: str, method: str
) -> None:
    (operation,) = [each[2] for each in OPERATIONS if each[:2] == (path, method)]
    own = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    address = path.removeprefix(PREFIX).replace("{id}", "1").replace("{name}", "0" * 32)
    told = problem(client.request(method, address, params={"camra": "foo"}), 422, "wrong-request")
    assert told.startswith("`camra` is no parameter of ")
    takes = "it takes none." if not own else f"it takes {', '.join(f'`{name}`' for name in own)}."
    assert told.endswith(takes)
    assert "422" in operation["responses"]


def test_a_head_is_answered_as_a_get_would_be(client: TestClient) -> None:
    assert client.head("/items", params={"limit": 1}).status_code == 200
    assert client.head("/items", params={"limit": 1, "_": "2"}).status_code == 422


def test_what_the_client_has_is_no_answer_to_a_wrong_request(client: TestClient) -> None:
    tag = client.get("/items", params={"limit": 1}).headers["ETag"]
    assert client.get("/items", params={"limit": 1}, headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/items", params={"kk": 1}, headers={"If-None-Match": "*"}).status_code == 422


def test_parameters_of_the_page_are_its_own(client: TestClient) -> None:
    """The line that is asked for stands in its address."""
    assert client.get(str(client.base_url.join("/")), params={"q": "red", "utm": "x"}).status_code == 200
