"""Requests that the document allows, and some that it does not: none is an error of the server, and every answer is one
that the document describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from search.web.app import create_app
from search.web.settings import ServeSettings
from tests.fixtures.served import ADDRESS
from tests.search.web.test_openapi import OPERATIONS

CHECKS: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 25


#: What takes nothing, or any bytes, can be asked in no wrong way.
ASKED = [
    (path, method, mode)
    for path, method, operation in OPERATIONS
    for mode in GenerationMode
    if not path.endswith("/events")  # which have no end; tests/search/web/indexing/test_events.py listens
    if mode is GenerationMode.POSITIVE
    or operation.get("parameters")
    or "application/json" in operation.get("requestBody", {}).get("content", {})
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method", "mode"), ASKED, ids=str)
def test_every_answer_is_documented(
    indexed: Path, path: str, method: str, mode: GenerationMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.web.routes.reveal.reveal", lambda _: None)  # no windows of a test
    monkeypatch.setattr("search.web.indexing.indexer.Indexer.start", lambda self, *_, **__: self.state)  # no processes
    app = create_app(indexed, ServeSettings())
    schema = schemathesis.openapi.from_dict(app.openapi())
    schema.app = app
    operation = schema[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def ask(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS, base_url=ADDRESS)  # to no other name does it answer

    ask()
