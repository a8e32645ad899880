"""The committed document of the API is that of the application."""

from __future__ import annotations

import json
from typing import Any

from tools.docs import openapi

DOCUMENT: dict[str, Any] = json.loads(openapi.PAGE.read_text(encoding="utf-8"))
OPERATIONS = [
    (path, method, operation) for path, found in DOCUMENT["paths"].items() for method, operation in found.items()
]


def test_the_document_has_not_drifted() -> None:
    assert openapi.main(["--check"]) == 0, "python -m tools.docs.openapi"


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names) >= 12
    assert [path for path, _, operation in OPERATIONS if not operation.get("description")] == []


def test_every_error_is_documented_as_a_problem() -> None:
    for path, method, operation in OPERATIONS:
        answers = operation["responses"]
        assert "default" in answers, (method, path)
        for status, answer in answers.items():
            if status == "default" or status >= "400":
                reference = answer["content"]["application/problem+json"]["schema"]["$ref"]
                assert reference == "#/components/schemas/Problem"
                assert list(answer["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]


def test_what_has_an_etag_is_documented_so() -> None:
    for path, method, operation in OPERATIONS:
        named = {each["name"] for each in operation.get("parameters", ())}
        assert ("304" in operation["responses"]) == ("If-None-Match" in named), (method, path)
